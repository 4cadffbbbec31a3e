/**
 * Environment variables and command lines as they may be kept with a run: what is, or looks like, a secret is `***`. Names decide
 * first, then shapes of values; a secret under a harmless name with a harmless look cannot be told, so nothing here is shown to
 * anybody who may not read the run.
 */
const mask = "***";

const secretNames =
  /secret|token|passw|passphrase|\bpwd\b|_pwd|credential|cookie|private|signature|api_?key|access_?key|_key$|^key$|_pass$|_auth$|bearer|jwt|dsn|salt/i;
/** Variables of shells and terminals that say nothing about a run. */
const noise = /^(LS_COLORS|LSCOLORS|_|PS\d|OLDPWD|TERMCAP|BASH_FUNC.*|SSH_.*|DBUS_.*|XDG_SESSION.*|npm_.*)$/;
const secretShapes = [
  /^(ghp|gho|ghu|ghs|github_pat|glpat|xox[a-z]|sk|pk|rk|mr|hf|AKIA|ASIA|ya29|dop_v1|npm|pypi)[-_A-Za-z0-9.]{12,}/, // keys of well-known services and our own
  /^eyJ[\w-]{8,}\.[\w-]{8,}\./, // JSON web tokens
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];
/** Login in an address: `postgres://user:secret@host`. */
const logins = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi;
const secretQueries = /([?&][^=&\s]*(?:token|secret|signature|password|key|sig)[^=&\s]*=)[^&\s]+/gi;
const longest = 1_000;

/** Each variable with its value, cut at 1,000 characters. */
export function maskedEnvironment(environment: Record<string, string | undefined>): Record<string, string> {
  const kept = Object.entries(environment).filter(([name, value]) => value !== undefined && !noise.test(name));
  return Object.fromEntries(
    kept.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, secretNames.test(name) ? mask : maskedText(value!)]),
  );
}

/** The words of a command line; what follows an option with a secret's name is masked. */
export function maskedCommandLine(words: readonly string[]): string[] {
  return words.map((word, i) => {
    const before = words[i - 1] ?? "";
    if (/^--?[\w-]+$/.test(before) && secretNames.test(before.replaceAll("-", "_")) && !word.startsWith("--")) return mask;
    const [, name, sign] = /^(-{0,2}[\w.-]+)(=)/.exec(word) ?? [];
    if (name !== undefined && sign && secretNames.test(name.replaceAll("-", "_"))) return `${name}=${mask}`;
    return maskedText(word);
  });
}

function maskedText(text: string): string {
  const value = text.includes("=") ? text.slice(text.indexOf("=") + 1) : text;
  if (secretShapes.some((shape) => shape.test(text) || shape.test(value))) return mask;
  const shown = text.replaceAll(logins, `$1${mask}@`).replaceAll(secretQueries, `$1${mask}`);
  return shown.length > longest ? `${shown.slice(0, longest)}…` : shown;
}
