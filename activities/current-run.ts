import { activityInfo } from '@temporalio/activity';

/** The workflow run that this activity works for: after a reset, or a new start, it is another one. */
export function currentRunId(): string {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('the activity was not started by a workflow');
  return workflowExecution.runId;
}
