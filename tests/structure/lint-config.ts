import { layerRules } from "./layers.ts";

const source = "packages/millrace/src";
const tests = ["**/*.test.ts"];

/** The content of `.oxlintrc.json`. */
export function lintConfig(root = source): object {
  return {
    plugins: ["typescript", "import", "unicorn", "promise", "oxc"],
    categories: { correctness: "error", suspicious: "error" },
    ignorePatterns: ["**/dist/**", "**/generated/**", "**/.millrace/**", "**/node_modules/**"],
    rules: {
      "typescript/no-explicit-any": "error",
      "typescript/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      "import/no-named-as-default-member": "off",
      "unicorn/no-thenable": "off",
      "no-unmodified-loop-condition": "off",
      "unicorn/no-useless-spread": "off",
      "import/no-cycle": "error",
      "import/no-default-export": "off",
      "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
      "no-await-in-loop": "off",
      "unicorn/no-array-sort": "off",
      "unicorn/no-array-reverse": "off",
      "unicorn/consistent-function-scoping": "off",
      "no-shadow": "off",
      "no-underscore-dangle": "off",
      "import/no-named-as-default": "off",
      "import/no-unassigned-import": "off",
      "promise/always-return": "off",
      "unicorn/prefer-add-event-listener": "off",
      "unicorn/require-post-message-target-origin": "off",
    },
    overrides: [
      { files: [`${root}/**`, "packages/client/**"], rules: { "import/no-default-export": "error" } },
      ...layerRules().map(({ files, refused }) => ({
        files: [`${root}/${files}`],
        excludeFiles: tests,
        rules: { "no-restricted-imports": ["error", { patterns: refused }] },
      })),
      { files: tests, rules: { "max-lines": "off", "no-restricted-imports": "off" } },
      { files: ["tests/**", "bench/**"], rules: { "max-lines": ["error", { max: 400 }] } },
    ],
  };
}
