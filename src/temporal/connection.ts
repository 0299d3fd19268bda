import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';

/**
 * How to reach Temporal, as the SDK's environment configuration says it (`TEMPORAL_ADDRESS`,
 * `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`, profiles).
 */
export interface TemporalSettings {
  readonly connectionOptions: ClientConnectConfig['connectionOptions'];
  readonly namespace: string;
}

export function readTemporalSettings(env: Readonly<Record<string, string>>): TemporalSettings {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars: env });
  return { connectionOptions, namespace };
}

/** Connects at the first call, so that a process starts, and says what is wrong, while Temporal is down. */
export function createTemporalClient(settings: TemporalSettings): Client {
  return new Client({
    connection: Connection.lazy(settings.connectionOptions),
    namespace: settings.namespace,
  });
}
