/** What the global set-up publishes about the servers that it started. */
type SharedServer = 'TEST_POSTGRES_URL' | 'TEST_TEMPORAL_ADDRESS' | 'TEST_TEMPLATE_DATABASE';

export function sharedServer(variable: SharedServer): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: the global set-up starts the servers`);
  return value;
}
