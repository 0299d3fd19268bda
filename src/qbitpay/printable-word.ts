/** A word of theirs as people may see it: short, and without what could be an account number. */
export function printableWord(word: string): string {
  return word
    .replaceAll(/[^A-Za-z0-9 _.-]/g, '?')
    .replaceAll(/\d{3,}/g, '***')
    .slice(0, 40);
}
