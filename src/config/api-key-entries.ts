import { z } from 'zod';
import { API_SCOPE, type ApiKeyEntry } from '../domain/api-key-entry.js';
import type { ValueForm } from './value-forms.js';

const API_SCOPES = Object.values(API_SCOPE);

const NAME_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
const SHA256_PATTERN = /^[0-9a-f]{64}$/i;

/** `name:scope+scope:sha256-hex-of-the-key`, separated by commas. Messages name entries by position and name only. */
export function apiKeyEntries(): ValueForm<readonly ApiKeyEntry[]> {
  return {
    form: 'a comma-separated list of name:scope+scope:sha256-hex-of-the-key, scopes create, read, operate',
    schema: z.string().transform((text, context) => {
      const entries: ApiKeyEntry[] = [];
      for (const [index, entryText] of text.split(',').entries()) {
        const entry = parseEntry(entryText.trim());
        if (typeof entry === 'string') return refuse(context, `is wrong in entry ${index + 1}: ${entry}`);
        const repetition = findRepetition(entries, entry);
        if (repetition !== undefined) return refuse(context, repetition);
        entries.push(entry);
      }
      return entries;
    }),
  };
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** The entry, or what is wrong with it. */
function parseEntry(text: string): ApiKeyEntry | string {
  const parts = text.split(':');
  const [name = '', scopeList = '', sha256 = ''] = parts;
  if (parts.length !== 3) return 'it must be name:scope+scope:sha256-hex-of-the-key';
  if (!NAME_PATTERN.test(name)) return 'the name must be 1 to 64 letters, digits, ".", "_" or "-"';
  const words = scopeList.split('+');
  const scopes = API_SCOPES.filter((scope) => words.includes(scope));
  if (scopes.length !== words.length) {
    return `the scopes must be ${API_SCOPES.join(', ')}, each at most once, joined by "+"`;
  }
  if (!SHA256_PATTERN.test(sha256)) {
    return 'the last part must be the SHA-256 of the key, 64 hexadecimal digits (printf %s "$KEY" | sha256sum)';
  }
  return { name, scopes, sha256: sha256.toLowerCase() };
}

function findRepetition(entries: readonly ApiKeyEntry[], { name, sha256 }: ApiKeyEntry): string | undefined {
  if (entries.some((other) => other.name === name)) {
    return `names "${name}" twice: every key needs a name of its own`;
  }
  if (entries.some((other) => other.sha256 === sha256)) {
    return `gives "${name}" the key of another name: every name needs a key of its own`;
  }
  return undefined;
}
