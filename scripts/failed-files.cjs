// The test files of a vitest JSON report in which something failed, one a line. Old syntax: see setup.cjs.
'use strict';
const fs = require('fs');
const path = require('path');

let report = { testResults: [] };
try {
  report = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
} catch {
  // No report: nothing is known of any file.
}
for (const suite of report.testResults) {
  if (suite.status === 'failed') process.stdout.write(`${path.relative(process.cwd(), suite.name)}\n`);
}
