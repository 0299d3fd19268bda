import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../src/bin/project-files.js';
import type { Plan } from './plan.js';

/** A seed that is played in every run. */
export interface RegressionSeed {
  readonly seed: number;
  /** Of the plan that it is kept for: a seed whose plan has changed is another test. */
  readonly planHash: string;
  readonly why: string;
}

const FILE = join(PROJECT_ROOT, 'test', 'faults', 'regression-seeds.json');

export async function readRegressionSeeds(): Promise<readonly RegressionSeed[]> {
  return JSON.parse(await readFile(FILE, 'utf8')) as readonly RegressionSeed[];
}

export function hashPlan(plan: Plan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 16);
}
