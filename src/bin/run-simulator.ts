import { join } from 'node:path';
import type { Logger } from 'pino';
import type { QbitPayConfig } from '../config/config.js';
import { startSimulator, type Simulator } from '../simulator/server.js';

/** The simulator as the engine's settings want their provider to be. */
export async function startConfiguredSimulator(options: {
  readonly qbitpay: QbitPayConfig;
  readonly apiKey: string;
  readonly host: string;
  readonly port: number;
  readonly stateDirectory: string;
  readonly webhookUrl: string;
  readonly logger: Logger;
}): Promise<Simulator> {
  const { qbitpay, logger } = options;
  return startSimulator({
    apiKey: options.apiKey,
    host: options.host,
    port: options.port,
    stateDirectory: join(options.stateDirectory, 'simulator'),
    webhookUrl: options.webhookUrl,
    feeSide: qbitpay.feeSide,
    webhookAlgorithm: qbitpay.webhookAlgorithm,
    livemode: qbitpay.livemode,
    log: (line) => logger.warn(line),
  });
}
