import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { REQUEST_STATE, type RequestState } from '../../src/store/schema.js';
import type { Store } from '../../src/store/store.js';

/** Ends a sending without an acceptance, a refusal with the absence checks that bear it out; answers with the state. */
export async function endSending(
  { requests }: Store,
  id: ProviderRequestId,
  sends: number,
  state: Exclude<RequestState, 'accepted' | 'prepared' | 'sending'>,
): Promise<RequestState | undefined> {
  if (state === REQUEST_STATE.NOT_SENT) return requests.endNotSent(id, sends);
  if (state === REQUEST_STATE.UNKNOWN) return requests.endUnknown(id, sends);
  const refusal = { state, type: FAILURE_TYPE.PROVIDER_REFUSED, message: 'no', retryAfterMs: 0 };
  const ended = await requests.endUnknown(id, sends, refusal);
  return (await requests.confirmRefusal(id, sends)) ? state : ended;
}
