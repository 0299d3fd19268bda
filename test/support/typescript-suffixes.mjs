import Module from 'node:module';

/**
 * Imported first by Jest's global set-up: that alone Jest loads as CommonJS, through Node's own loader, in which
 * `./postgres.js` is no file, because the source is `./postgres.ts` (test files go through Jest's resolver instead).
 */
const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function resolveTypeScript(request, ...rest) {
  try {
    return resolveFilename.call(this, request, ...rest);
  } catch (error) {
    const isSource = error.code === 'MODULE_NOT_FOUND' && /^\.{1,2}\/.*\.js$/.test(request);
    if (!isSource) throw error;
    return resolveFilename.call(this, request.replace(/\.js$/, '.ts'), ...rest);
  }
};
