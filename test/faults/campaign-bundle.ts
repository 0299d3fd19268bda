import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKFLOW_BUNDLE_PATH } from '../../src/bin/project-files.js';

export const BUNDLE_VARIABLE = 'FAULTS_WORKFLOW_BUNDLE';

/**
 * How long an activity's death stays unnoticed (workflows/activity-options.ts), in the campaign: a seed cannot wait
 * as long as production does. Activity options are not part of what a history is replayed against.
 */
const SHORTER: readonly (readonly [string, string])[] = [
  ["startToCloseTimeout: '45s'", "startToCloseTimeout: '6s'"],
  ["startToCloseTimeout: '2m'", "startToCloseTimeout: '6s'"],
  ["heartbeatTimeout: '60s'", "heartbeatTimeout: '8s'"],
];

/** What everybody writes first: the request that moves money is an activity that Temporal tries three times. */
const POST_TRIED_AGAIN = [
  "heartbeatTimeout: '8s',\n    retry: { maximumAttempts: 1 }",
  "heartbeatTimeout: '8s',\n    retry: { maximumAttempts: 3 }",
] as const;

export interface CampaignBundles {
  readonly engine: string;
  readonly naive: string;
  remove(): Promise<void>;
}

/** The workflows of the build with shorter time-outs; and, for the naive engine, with retried requests. */
export async function writeCampaignBundles(): Promise<CampaignBundles> {
  const built = await readFile(WORKFLOW_BUNDLE_PATH, 'utf8');
  const shorter = SHORTER.reduce((code, [from, to]) => replaceAll(code, from, to), built);
  const folder = await mkdtemp(join(tmpdir(), 'qbitpay-faults-bundle-'));
  const [engine, naive] = [join(folder, 'engine.js'), join(folder, 'naive.js')];
  await writeFile(engine, shorter);
  await writeFile(naive, replaceAll(shorter, ...POST_TRIED_AGAIN));
  return { engine, naive, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** @throws when the profiles read differently by now: the campaign would wait for minutes without saying why */
function replaceAll(code: string, from: string, to: string): string {
  if (!code.includes(from))
    throw new Error(`the workflow bundle has no ${from}: bring campaign-bundle.ts up to date`);
  return code.replaceAll(from, to);
}
