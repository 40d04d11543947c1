// Reads a JSON list of texts from stdin and answers, for each, what js-yaml and LibreChat's own schema say.
const { createRequire } = require('module');
const need = createRequire(process.argv[2] + '/');
const yaml = need('js-yaml');
const { configSchema } = need('librechat-data-provider');

const plain = (v) => {
  if (v === undefined) return null;
  if (v instanceof Date) return { $date: isNaN(v) ? null : v.toISOString() };
  if (v instanceof Uint8Array) return { $bytes: [...v] };
  if (typeof v === 'number' && !Number.isFinite(v)) return { $number: String(v) };
  if (Object.is(v, -0)) return 0;
  if (Array.isArray(v)) return v.map(plain);
  if (v && typeof v === 'object') return { $map: Object.keys(v).sort().map((k) => [k, plain(v[k])]) };
  return v;
};

// Paths of the keys that the schema took off without a word.
const lost = (given, kept, path) => {
  if (given === null || typeof given !== 'object' || kept === null || typeof kept !== 'object') return [];
  return Object.keys(given).flatMap((k) => {
    const at = [...path, Array.isArray(given) ? Number(k) : k];
    return k in kept ? lost(given[k], kept[k], at) : [at];
  });
};

const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(input.map((text) => {
  let data;
  try { data = yaml.load(text); } catch (e) {
    return { yaml: e.reason || String(e), line: e.mark ? e.mark.line + 1 : null, column: e.mark ? e.mark.column + 1 : null };
  }
  let result, shown;
  // The schema throws at an MCP address that is none: the server stops as it does at an issue.
  try { result = configSchema.strict().safeParse(data); } catch (e) { result = { success: false, error: { issues: [] } }; }
  try { shown = plain(data); } catch (e) { return { cyclic: true, accepted: result.success, issues: [] }; }
  return {
    data: shown,
    accepted: result.success,
    ignored: result.success ? lost(data, result.data, []) : [],
    issues: result.success ? [] : result.error.issues.map((i) => ({ code: i.code, path: i.path, message: i.message })),
  };
})));
