import { existsSync } from 'node:fs';
import { BookNotMigratedError } from '../book/migrator.js';
import { OtherProviderError } from '../book/engine-settings.js';
import { ConfigError } from '../config/config-error.js';
import { withoutEmptyValues, type Environment } from '../config/config.js';
import { PortUnavailableError } from '../embedded/choose-port.js';
import { StateDirectoryInUseError } from '../embedded/state-directory.js';
import { MissingSearchAttributesError } from '../temporal/search-attribute-setup.js';
import { StartError } from './start-error.js';

/** Faults of the surroundings: their message says what to do, a stack would only hide it. */
const EXPLAINED_ERRORS = [
  BookNotMigratedError,
  ConfigError,
  MissingSearchAttributesError,
  OtherProviderError,
  PortUnavailableError,
  StartError,
  StateDirectoryInUseError,
];

/** Runs a process's main function with its environment (`.env` included) and turns its failure into an exit code. */
export async function runMain(main: (env: Environment) => Promise<void>): Promise<never> {
  try {
    if (existsSync('.env')) process.loadEnvFile('.env');
    await main(withoutEmptyValues(process.env));
    process.exit(0);
  } catch (error) {
    const isExplained = EXPLAINED_ERRORS.some((known) => error instanceof known);
    console.error(isExplained && error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
