import { fileURLToPath } from 'node:url';

/** Made by the build, loaded by workers: one bundle for every way of running. */
export const WORKFLOW_BUNDLE_PATH = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));
