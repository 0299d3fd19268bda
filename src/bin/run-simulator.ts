import { join } from 'node:path';
import type { Logger } from 'pino';
import type { QbitPayConfig } from '../config/config.js';
import { startSimulator, type Simulator } from '../simulator/server.js';

/** The simulator as the engine's settings want their provider to be. */
export async function startConfiguredSimulator(
  { feeSide, webhookAlgorithm, livemode }: QbitPayConfig,
  logger: Logger,
  options: {
    readonly apiKey: string;
    readonly host: string;
    readonly port: number;
    readonly stateDirectory: string;
    readonly webhookUrl: string;
  },
): Promise<Simulator> {
  return startSimulator({
    ...options,
    stateDirectory: join(options.stateDirectory, 'simulator'),
    feeSide,
    webhookAlgorithm,
    livemode,
    log: (line) => logger.warn(line),
  });
}
