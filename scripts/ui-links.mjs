import { existsSync, readFileSync } from 'node:fs';

/** Prints links to the views of the Temporal UI that answer the usual questions. */

/** What is asked, and the query of Temporal's visibility that answers it. */
const VIEWS = [
  ['waits for a person', "PayoutStatus = 'held'"],
  ['waits for longer than it should', "PayoutHoldReason is not null and PayoutStatus != 'held'"],
  ['nobody knows its outcome', "PayoutHoldReason in ('UNKNOWN_OUTCOME', 'OUTCOME_LOOKED_UP')"],
  ['waits for its deposit', "ExecutionStatus = 'Running' and PayoutStatus = 'awaiting_deposit'"],
  ['waits for the available balance', "PayoutStatus = 'awaiting_balance'"],
  ['under way at QbitPay', "PayoutStatus = 'in_transit'"],
  ['more than 10,000', "WorkflowType = 'payoutWorkflow' and PayoutAmount > 10000"],
  ['paid', "PayoutStatus = 'paid'"],
  [
    'reads QbitPay, and looks after the others',
    "WorkflowType in ('providerSyncWorkflow', 'supervisorWorkflow')",
  ],
];
/** Written by `npm start`. */
const ENDPOINTS = '.payouts/endpoints.json';

function findUi() {
  if (process.argv[2] !== undefined) return process.argv[2];
  if (existsSync(ENDPOINTS)) return JSON.parse(readFileSync(ENDPOINTS, 'utf8')).temporalUi;
  return undefined;
}

const ui = findUi();
if (ui === undefined) {
  console.error('Where is the Temporal UI? Name it: npm run links -- http://127.0.0.1:8233');
  process.exitCode = 1;
} else {
  const namespace = process.env.TEMPORAL_NAMESPACE || 'default';
  for (const [what, query] of VIEWS) {
    const path = `namespaces/${encodeURIComponent(namespace)}/workflows?query=${encodeURIComponent(query)}`;
    console.log(`${what}\n  ${new URL(path, ui.replace(/\/?$/, '/')).href}`);
  }
}
