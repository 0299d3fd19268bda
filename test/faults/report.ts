import { CRASH_POINTS } from './crash-points.js';
import { addCounts, countStruck, type CampaignRun } from './judgement.js';
import { percentile } from './recovery.js';
import type { SeedResult } from './seed-run.js';

/** What a run saw, as Markdown. */
export function writeReport(run: CampaignRun): string {
  const { results, bugs, baseline, problems, durationMs } = run;
  return `${[
    '# Fault campaign',
    problems.length === 0 ? 'Sound.' : ['Not sound:', '', ...problems.map((one) => `- ${one}`)].join('\n'),
    summarise(results, baseline, durationMs),
    '## Crash points',
    describeCrashPoints(results),
    '## Faults of the provider, and of what the engine stands on',
    describeStruck(results),
    '## Planted mistakes',
    bugs.length === 0 ? 'Not part of this run (`--bugs`).' : describeBugs(run),
  ].join('\n\n')}\n`;
}

const total = (results: readonly SeedResult[], of: (result: SeedResult) => number): number =>
  results.reduce((sum, result) => sum + of(result), 0);

function summarise(
  engine: readonly SeedResult[],
  baseline: readonly SeedResult[],
  durationMs: number,
): string {
  const columns = baseline.length === 0 ? [engine] : [engine, baseline];
  const heads = ['the engine', 'the naive baseline'].slice(0, columns.length);
  const rows = ROWS.map(([name, of]) => `| ${[name, ...columns.map(of)].join(' | ')} |`);
  const recoveries = engine.flatMap(({ recoveriesMs }) => recoveriesMs);
  return [
    `| ${['', ...heads].join(' | ')} |`,
    `|---|${'---|'.repeat(columns.length)}`,
    ...rows,
    '',
    `Recovery is measured from the death of a process, or the return of a frozen one or of a server, to the next`,
    `transition of every payout that was converting, paying or in transit then (${recoveries.length} times). The`,
    `run took ${seconds(durationMs)}.`,
  ].join('\n');
}

const sum =
  (of: (result: SeedResult) => number) =>
  (results: readonly SeedResult[]): string =>
    String(total(results, of));

/** What stands in each line of the summary. */
const ROWS: readonly (readonly [string, (results: readonly SeedResult[]) => string])[] = [
  ['seeds', (results) => String(results.length)],
  ['payouts', sum(({ payouts }) => payouts)],
  ['their ends', (results) => describeCounts(results.map(({ ends }) => ends))],
  ['why they are held', (results) => describeCounts(results.map(({ holds }) => holds))],
  ['process deaths and returns', sum(({ interruptions }) => interruptions)],
  ['servers struck', sum(({ serverFaults }) => serverFaults)],
  ['requests that a fault struck', sum(({ providerFaults }) => providerFaults)],
  ['forged events', sum(({ forgeries }) => forgeries)],
  ['**duplicated**', sum(({ duplicated }) => duplicated)],
  ['**lost**', sum(({ lost }) => lost)],
  ['**stuck**', sum(({ stuck }) => stuck)],
  ['violations', sum(({ violations }) => violations.length)],
  ['failing seeds', (results) => String(results.filter(({ violations }) => violations.length > 0).length)],
  ['recovery, p50 and p99', describeRecovery],
];

function describeCounts(counts: readonly Readonly<Record<string, number>>[]): string {
  return [...addCounts(counts)].map(([word, count]) => `${count} ${word}`).join(', ') || '–';
}

function describeRecovery(results: readonly SeedResult[]): string {
  const recoveries = results.flatMap(({ recoveriesMs }) => recoveriesMs);
  return `${seconds(percentile(recoveries, 0.5))}, ${seconds(percentile(recoveries, 0.99))}`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1_000).toFixed(1)} s`;
}

function describeCrashPoints(results: readonly SeedResult[]): string {
  const rows = CRASH_POINTS.map((point) => {
    const planned = results.flatMap((result) => result.planned).filter((one) => one === point).length;
    const actions = results
      .flatMap(({ hits }) => hits)
      .filter((hit) => hit.point === point)
      .map(({ action }) => action);
    const kills = actions.filter((action) => action === 'kill').length;
    const stops = actions.filter((action) => action === 'stop').length;
    const servers = actions.length - kills - stops;
    return `| ${[point, planned, actions.length, kills, stops, servers].join(' | ')} |`;
  });
  const head = '| crash point | planned | hits | kill -9 | SIGSTOP | a server |';
  return [head, '|---|---|---|---|---|---|', ...rows].join('\n');
}

function describeStruck(results: readonly SeedResult[]): string {
  const rows = [...countStruck(results)].map(([fault, times]) => `| ${fault} | ${times} |`);
  return ['| fault | times |', '|---|---|', ...rows].join('\n');
}

function describeBugs({ bugs }: CampaignRun): string {
  const rows = bugs.map(({ bug, results, isCaught }) => {
    const found = [...new Set(bug.found.map(({ by }) => by))]
      .map((by) => `${bug.found.flatMap((one) => (one.by === by ? one.seed : [])).join(' or ')} by ${by}`)
      .join(', ');
    const duplicates = total(results, ({ duplicated }) => duplicated);
    const verdict = isCaught ? 'caught' : 'NOT CAUGHT';
    return `| ${bug.name} | ${bug.about} | ${found} | ${verdict} | ${duplicates} |`;
  });
  const head = '| mistake | what it does | has to be found in seed | | duplicate payouts |';
  return [head, '|---|---|---|---|---|', ...rows].join('\n');
}
