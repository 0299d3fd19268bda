import type { Json } from './engine-client.js';
import type { TestEngine } from './engine.js';

/** As a person who has settled what engaged them: every engaged brake, as it was. */
export async function releaseBrakes(engine: TestEngine): Promise<Json[]> {
  const { data } = (await engine.api('GET', '/v1/brakes?engaged=true')).body;
  for (const { brakeId } of data) {
    await engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'settled' });
  }
  return data;
}
