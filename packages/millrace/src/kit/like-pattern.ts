/**
 * A test for SQL's LIKE pattern: `%` is any text, `_` any character. It takes time proportional to the product of both lengths at
 * worst; a regular expression of the pattern could be made to run for hours.
 */
export function likePattern(pattern: string, { anyCase = false } = {}): (text: string) => boolean {
  const fold = (text: string) => [...(anyCase ? text.toLowerCase() : text)];
  const wanted = fold(pattern);
  return (actual) => {
    const text = fold(actual);
    let at = 0;
    let next = 0;
    let star = -1; // position of the last % passed, and of the text when it was: what % takes grows from there
    let starAt = 0;
    while (at < text.length) {
      if (wanted[next] === "%") {
        star = next++;
        starAt = at;
      } else if (wanted[next] === "_" || wanted[next] === text[at]) {
        next++;
        at++;
      } else if (star >= 0) {
        next = star + 1;
        at = ++starAt;
      } else return false;
    }
    while (wanted[next] === "%") next++;
    return next === wanted.length;
  };
}
