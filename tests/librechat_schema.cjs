// Prints LibreChat's configuration schema (zod) as data: what labkit/config/schema.json holds.
// Usage: node tests/librechat_schema.cjs FOLDER, where FOLDER has librechat-data-provider installed.
const { createRequire } = require('module');
const need = createRequire(process.argv[2] + '/');
const { configSchema, paramSettings, agentParamSettings } = need('librechat-data-provider');
const version = JSON.parse(require('fs').readFileSync(process.argv[2] + '/node_modules/librechat-data-provider/package.json', 'utf8')).version;

// Rules that are code and not data have a name, under which labkit/config/rules.py holds them.
const RULES = [
  [/allowedAddresses/, 'private-address'],
  [/searxngSearchOptions\.engines$/, 'engines'],
  [/skillSync\.github$/, 'github-sync'],
  [/sources\[\]$/, 'github-source'],
  [/sources\[\]\.ref$/, 'git-ref'],
  [/sources\[\]\.paths\[\]$/, 'skill-path'],
  [/sources\[\]\.tenantId$|clients\[\]\.tenantId$/, 'tenant-id'],
  [/\.oauth$/, 'oauth-client'],
  [/\.oauth\.(authorization_url|token_url|redirect_uri|revocation_endpoint)$/, 'from-environment'],
  [/mcpServers\{\}\.env$/, 'any'],
  [/\.(proxy|url)$/, 'a-url'],
  [/^cloudfront$/, 'cloudfront'],
  [/cookieDomain$/, 'begins-with-dot'],
  [/supportedMimeTypes\[\]$/, 'mime-pattern'],
  [/modelSpecs\.list\[\]\.preset$/, 'preset-endpoint'],
  [/preset\.\w+$/, 'number-from-text'],
  [/subagents$/, 'subagents'],
  [/^filters$/, 'filter-sizes'],
  [/customPatterns\[\]\.regex$/, 'linear-pattern'],
  [/^messageFilter\.pii$/, 'message-patterns'],
  [/^endpoints$/, 'some-endpoint'],
  [/addParams$/, 'web-search-is-boolean'],
  [/statefulCodeSessions$/, 'code-sessions'],
  [/environments\[\]\.baseURL$/, 'plain-http-url'],
  [/permissions\.\w+$/, 'default-is-allowed'],
  [/pairing$/, 'pairing'],
  [/managementApi\.auth$/, 'management-auth'],
  [/managementApi\.auth\.oidc$/, 'management-oidc'],
  [/oidc\.(issuer|jwksUri)$/, 'https-url'],
  [/userId$/, 'any'],
  [/remoteApi\.auth\.oidc$/, 'remote-oidc'],
  [/scope$/, 'no-comma'],
  [/custom\[\]\.name$/, 'not-built-in'],
  [/range$/, 'positive-minimum'],
];

const nodes = [], places = new Map(), known = new Map();
const add = (z, node) => {
  const text = JSON.stringify(node);
  if (!known.has(text)) { known.set(text, nodes.length); nodes.push(node); }
  places.set(z, known.get(text));
  return known.get(text);
};

function ruleOf(z, path) {
  const source = (z._def.effect.refinement || z._def.effect.transform).toString();
  if (/extractEnvVariable\(val\)/.test(source)) return 'from-environment';
  for (const [pattern, name] of RULES) if (pattern.test(path)) return name;
  throw new Error('no rule is named for the code at ' + path + '\n' + source);
}

function walk(z, path) {
  if (places.has(z)) return places.get(z);
  const d = z._def, at = (inner, more = '') => walk(inner, path + more);
  switch (d.typeName) {
    case 'ZodLazy': {
      const number = nodes.length;
      places.set(z, number);
      nodes.push(null);
      nodes[number] = { kind: 'lazy', of: at(d.getter()) };
      return number;
    }
    case 'ZodObject': {
      const fields = {};
      for (const [name, inner] of Object.entries(d.shape())) fields[name] = walk(inner, path ? path + '.' + name : name);
      return add(z, { kind: 'object', unknown: d.unknownKeys, fields });
    }
    case 'ZodString': return add(z, { kind: 'string', checks: d.checks.map((c) =>
      c.kind === 'regex' ? ['regex', c.regex.source, c.regex.flags, c.message || null] : [c.kind, c.value ?? null]) });
    case 'ZodNumber': return add(z, { kind: 'number', checks: d.checks.map((c) =>
      c.kind === 'int' || c.kind === 'finite' ? [c.kind] : [c.kind, c.value, c.inclusive]) });
    case 'ZodBoolean': case 'ZodNull': case 'ZodUndefined': case 'ZodUnknown': case 'ZodNever':
      return add(z, { kind: d.typeName.slice(3).toLowerCase() });
    case 'ZodLiteral': return add(z, { kind: 'literal', value: d.value });
    case 'ZodEnum': return add(z, { kind: 'enum', values: d.values });
    case 'ZodNativeEnum': return add(z, { kind: 'enum', values: Object.keys(d.values)
      .filter((k) => typeof d.values[d.values[k]] !== 'number').map((k) => d.values[k]) });
    case 'ZodOptional': return add(z, { kind: 'optional', of: at(d.innerType) });
    case 'ZodNullable': return add(z, { kind: 'nullable', of: at(d.innerType) });
    case 'ZodDefault': return add(z, { kind: 'default', of: at(d.innerType), value: d.defaultValue() });
    case 'ZodArray': return add(z, { kind: 'array', of: at(d.type, '[]'), min: d.minLength?.value ?? null,
      max: d.maxLength?.value ?? null });
    case 'ZodRecord': return add(z, { kind: 'record', of: at(d.valueType, '{}') });
    case 'ZodUnion': return add(z, { kind: 'union', of: d.options.map((o) => at(o)) });
    case 'ZodDiscriminatedUnion': return add(z, { kind: 'choice', by: d.discriminator,
      of: Object.fromEntries([...d.optionsMap].map(([k, o]) => [k, at(o)])) });
    case 'ZodIntersection': return add(z, { kind: 'both', of: [at(d.left), at(d.right)] });
    case 'ZodPipeline': return add(z, { kind: 'pipe', of: [at(d.in), at(d.out)] });
    case 'ZodEffects': {
      // What follows one another under one name is one rule.
      const rule = ruleOf(z, path);
      let inner = d.schema;
      while (inner._def.typeName === 'ZodEffects' && ruleOf(inner, path) === rule) inner = inner._def.schema;
      const node = { kind: 'rule', rule, of: at(inner) };
      if (inner._def.typeName === 'ZodPipeline') {
        node.rule = path.endsWith('.proxy') ? 'proxy-url' : null;
        if (!node.rule) for (const [text, name] of [['ws://a', 'websocket-url'], ['http://a', 'not-websocket-url']])
          if (z.safeParse(text).success) node.rule = name;
      }
      return add(z, node);
    }
  }
  throw new Error('unknown kind ' + d.typeName + ' at ' + path);
}

const root = walk(configSchema.strict(), '');
const parameters = {};
for (const [name, list] of [...Object.entries(paramSettings), ...Object.entries(agentParamSettings)])
  parameters[name] = [...new Set([...(parameters[name] || []), ...list.map((s) => s.key)])];
const lines = nodes.map((n) => '  ' + JSON.stringify(n)).join(',\n');
process.stdout.write(`{\n "package": "librechat-data-provider ${version}",\n "root": ${root},\n "parameters": {\n` +
  Object.entries(parameters).map(([k, v]) => `  ${JSON.stringify(k)}: ${JSON.stringify(v)}`).join(',\n') +
  `\n },\n "nodes": [\n${lines}\n ]\n}\n`);
