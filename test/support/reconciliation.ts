import type { Json } from './engine-client.js';
import type { TestEngine } from './engine.js';
import { untilAnswer } from './until-answer.js';

/** A comparison that came to its end: on a busy machine it may take longer than its caller is kept waiting. */
export async function reconcile(engine: Pick<TestEngine, 'api'>): Promise<Json> {
  const answer = await untilAnswer(
    () => engine.api('GET', '/v1/reconciliation'),
    ({ status }) => status !== 503,
    'a comparison that came to its end',
  );
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}
