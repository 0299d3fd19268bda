import { execFile } from 'node:child_process';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { startTemporalWithFiles, type TemporalWithFiles } from '../support/own-temporal.js';
import { useScenario } from '../support/scenario.js';
import { untilAnswer } from '../support/until-answer.js';

/** Temporal is restored from a copy of its database that is older than the store. */

let server: TemporalWithFiles;

const scenario = useScenario(async () => {
  server = await startTemporalWithFiles();
  return {
    env: { TEMPORAL_ADDRESS: server.address },
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 }, upkeepIntervalMs: 500 },
  };
});
afterAll(() => server.stop());

const COPY = '.copy';
const keepCopy = (): Promise<void> =>
  server.whileStopped((files) => Promise.all(files.map((file) => copyFile(file, `${file}${COPY}`))));

/** The newer files go, and what is left are those of the copy. */
const restoreCopy = (): Promise<void> =>
  server.whileStopped(async (files) => {
    const copies = files.filter((file) => file.endsWith(COPY));
    await Promise.all(files.filter((file) => !file.endsWith(COPY)).map((file) => rm(file)));
    await Promise.all(copies.map((file) => copyFile(file, file.slice(0, -COPY.length))));
  });

/** The command of the runbook, as it stands there. */
async function terminateAsPasted(): Promise<void> {
  const runbook = await readFile('docs/operations.md', 'utf8');
  const [command] = /^temporal workflow terminate --query .*$/m.exec(runbook) ?? [];
  expect(command).toBeDefined();
  const shell = String(command).replace(/^temporal/, `'${await ensureTemporalCli()}'`);
  const env = { ...process.env, TEMPORAL_ADDRESS: server.address };
  await promisify(execFile)('sh', ['-c', shell], { env });
}

async function listRunning(): Promise<readonly string[]> {
  const query = `WorkflowType = 'payoutWorkflow' AND ExecutionStatus = 'Running'`;
  const ids: string[] = [];
  for await (const { workflowId } of scenario.engine.temporal.client.workflow.list({ query }))
    ids.push(workflowId);
  return ids;
}

test('what has ended stays so, what is open goes on, also what the copy does not know, and nothing is sent twice', async () => {
  const ended = await scenario.payout().open();
  await ended.becomes('awaiting_deposit');
  const settled = await scenario.payout().inTransit();
  const held = await scenario.payout().open();
  await held.decide('hold');
  await keepCopy();

  await ended.fund();
  await ended.isPaidOnce();
  await settled.advance('paid');
  await settled.isPaidOnce();
  const sent = await scenario.payout().inTransit();
  const opened = await scenario.payout().open();
  await opened.becomes('awaiting_deposit');
  await restoreCopy();

  await terminateAsPasted();
  await held.decide('resume');
  for (const payout of [held, opened]) {
    await payout.fund();
    await payout.isPaidOnce();
  }
  await sent.advance('paid');
  for (const payout of [sent, ended, settled]) await payout.isPaidOnce();
  await untilAnswer(listRunning, (ids) => ids.length === 0, 'no workflow of a payout that has ended');
});
