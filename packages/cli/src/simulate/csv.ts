/** One line of CSV (RFC 4180, without line ends inside quotes) into its fields. */

/** @returns what is wrong as a text, when it is wrong */
export function csvFields(line: string): readonly string[] | string {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      let field = "";
      at += 1;
      for (;;) {
        const end = line.indexOf('"', at);
        if (end < 0) return "a quote is not closed";
        field += line.slice(at, end);
        at = end + 1;
        if (line[at] !== '"') break;
        field += '"';
        at += 1;
      }
      if (at < line.length && line[at] !== ",") return "text follows a closing quote";
      fields.push(field);
    } else {
      const comma = line.indexOf(",", at);
      const end = comma < 0 ? line.length : comma;
      fields.push(line.slice(at, end).trim());
      at = end;
    }
    if (at >= line.length) return fields;
    at += 1;
  }
}
