import { join } from 'node:path';
import type { Logger } from 'pino';
import type { QbitPayConfig } from '../config/config.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../simulator/server.js';

/** The simulator as the engine's settings want their provider to be. */
export async function startConfiguredSimulator(
  { feeSide, webhookAlgorithm, livemode }: QbitPayConfig,
  logger: Logger,
  place: Required<Pick<SimulatorOptions, 'apiKey' | 'host' | 'port' | 'stateDirectory' | 'webhookUrl'>>,
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
