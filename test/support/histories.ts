import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import type { TestEngine } from './engine.js';

/** The events of a payout's workflow, as the server has them. */
export async function historyOf(engine: TestEngine, payoutId: string) {
  const history = await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).fetchHistory();
  return history.events ?? [];
}

export function countWorkflowTasks(events: Awaited<ReturnType<typeof historyOf>>): number {
  return events.filter((event) => event.workflowTaskCompletedEventAttributes).length;
}
