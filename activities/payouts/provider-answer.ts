import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { compareNamedId, NAMED_ID } from '../../src/domain/named-id.js';
import { QbitPayProviderError, QbitPayResponseError } from '../../src/qbitpay/errors.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { persistWithRetry } from '../persist-with-retry.js';
import { isAskedFor } from '../provider/at-provider.js';

/** What QbitPay answered to a request that moves money, and whose it is. */

type Parts = Pick<ActivityDependencies, 'store'>;

export type AnswerVerdict =
  /** It carries the request's `externalOrderId`, and was not accepted as another request. */
  | 'ours'
  /** It carries that id altered, or none, and can be nothing else than what was asked for. */
  | 'altered'
  /** It is another request's, or somebody else's: what became of ours is not known. */
  | 'another'
  /** It fits neither. */
  | 'contradicts';

/**
 * A 2xx came on our connection, as the answer to our request: what does not name it exactly is taken for it only where
 * amount and currency fit, and nothing else explains the object.
 */
export async function judgeAnswer(
  { store }: Parts,
  id: ProviderRequestId,
  {
    answer,
    asked,
    sends,
  }: { readonly answer: Order | Payout; readonly asked: SentAmount; readonly sends: number },
): Promise<AnswerVerdict> {
  const { id: providerId, externalOrderId = null, amount } = answer;
  return persistWithRetry(async () => {
    const named = compareNamedId(externalOrderId, id.externalOrderId);
    const isKnown = await store.requests.isKnownElsewhere(id, { providerId, externalOrderId });
    const verdict = verdictOf(named, isKnown, answer, asked);
    await store.requests.recordAnswer(id, {
      sends,
      verdict,
      httpStatus: null,
      providerId,
      namedExternalOrderId: externalOrderId,
      currency: 'symbol' in answer ? asked.currency : answer.currency,
      amount,
      words: null,
    });
    return verdict;
  });
}

function verdictOf(
  named: ReturnType<typeof compareNamedId>,
  isKnownElsewhere: boolean,
  answer: Order | Payout,
  asked: SentAmount,
): AnswerVerdict {
  if (named === NAMED_ID.SAME) return isKnownElsewhere ? 'contradicts' : 'ours';
  if (named === NAMED_ID.OTHER) return 'another';
  const isConverted = 'trade' in answer && answer.trade !== undefined && answer.trade !== null;
  const isPlausible = isAskedFor(answer, asked) && !isConverted && !isKnownElsewhere;
  if (!isPlausible) return 'contradicts';
  // [I] That orders carry the id back is inferred: one that names none is no surprise.
  return 'symbol' in answer && answer.externalOrderId === undefined ? 'ours' : 'altered';
}

/** An answer that was no 2xx, or none that can be read. */
export async function recordError(
  { store }: Parts,
  id: ProviderRequestId,
  { error, sends, verdict }: { readonly error: unknown; readonly sends: number; readonly verdict: string },
): Promise<void> {
  const isAnswer = error instanceof QbitPayProviderError || error instanceof QbitPayResponseError;
  if (!isAnswer) return;
  const nothing = { providerId: null, namedExternalOrderId: null, currency: null, amount: null };
  const words = error instanceof QbitPayProviderError ? error.words : null;
  await persistWithRetry(() =>
    store.requests.recordAnswer(id, { sends, verdict, httpStatus: error.status, words, ...nothing }),
  );
}
