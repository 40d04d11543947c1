// Reads a JSON list of model ids from stdin and answers what LibreChat thinks of each Claude.
const { createRequire } = require('module');
const { supportsAdaptiveThinking, anthropicSettings } = createRequire(process.argv[2] + '/')('librechat-data-provider');
const models = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(models.map((m) => [supportsAdaptiveThinking(m), anthropicSettings.maxOutputTokens.reset(m)])));
