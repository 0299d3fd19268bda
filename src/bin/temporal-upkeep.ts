import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { ensureForeverWorkflows, ensureReconciliation } from '../temporal/schedules.js';
import { ensureSearchAttributes, type SearchAttributeSetup } from '../temporal/search-attribute-setup.js';
import type { TemporalAccess } from './create-parts.js';

const UPKEEP_TIMEOUT_MS = 30_000;

/** Sees to it that Temporal has what the engine stands on: search attributes, the schedule, workflows that run for ever. */
export async function prepareTemporal(
  config: Config,
  { client, namespace }: TemporalAccess,
  logger: Logger,
): Promise<SearchAttributeSetup> {
  const setup = await ensureSearchAttributes(client, namespace);
  if (setup.kind === 'complete' && setup.registered.length > 0) {
    logger.info({ registered: setup.registered }, 'search attributes registered');
  }
  const { taskQueue } = config.temporal;
  await ensureReconciliation(client, taskQueue, config.reconciliation.intervalSeconds);
  await ensureForeverWorkflows(client, taskQueue);
  return setup;
}

/**
 * The same again and again: a person may have ended something, or Temporal may have lost its database. While Temporal is
 * away that is nothing new. Answers with how to stop it.
 */
export function keepPrepared(
  config: Config,
  temporal: TemporalAccess,
  logger: Logger,
  intervalMs: number,
): () => void {
  const { client } = temporal;
  const timer = setInterval(() => {
    client
      .withDeadline(Date.now() + UPKEEP_TIMEOUT_MS, () => prepareTemporal(config, temporal, logger))
      .catch((error: unknown) => logger.debug({ err: error }, 'Temporal could not be prepared now'));
  }, intervalMs);
  return () => clearInterval(timer);
}
