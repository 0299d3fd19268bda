/** The entry of the workflow bundle: everything exported here is a registered workflow. */
export { payoutWorkflow } from './payout/payout-workflow.js';
export { providerSyncWorkflow } from './provider-sync-workflow.js';
export { reconcileWorkflow } from './reconcile-workflow.js';
export { supervisorWorkflow } from './supervisor-workflow.js';
