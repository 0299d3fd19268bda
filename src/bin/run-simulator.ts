import { join } from 'node:path';
import type { Logger } from 'pino';
import type { QbitPayConfig } from '../config/config.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../simulator/server.js';

type Place = 'apiKey' | 'host' | 'port' | 'stateDirectory' | 'webhookUrl';

/** The simulator as the engine's settings want their provider to be. */
export async function startConfiguredSimulator(
  { feeSide, webhookAlgorithm, livemode }: QbitPayConfig,
  logger: Logger,
  place: Required<Pick<SimulatorOptions, Place>>,
): Promise<Simulator> {
  return startSimulator({
    ...place,
    stateDirectory: join(place.stateDirectory, 'simulator'),
    feeSide,
    webhookAlgorithm,
    livemode,
    log: (line) => logger.warn(line),
  });
}
