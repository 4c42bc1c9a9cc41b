/**
 * The way from a notebook into Duoloop. The kernel runs CommonJS and checks cells with TypeScript 5.0; Duoloop is ESM that
 * tsx compiles, and its sources are newer than that.
 */
exports.openDuoloop = async () => {
  const { tsImport } = await import('tsx/esm/api');
  return tsImport('../cli/notebook/notebook.ts', __filename);
};
