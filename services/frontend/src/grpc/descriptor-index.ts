/**
 * What gRPC reflection answers from: the descriptor files, and which symbol each defines. Reads just enough
 * of FileDescriptorProto (names, imports) from its bytes. Pure.
 */

export interface DescriptorIndex {
  /** The file and all that it imports, directly or not; undefined when there is none. */
  fileByName(name: string): readonly Uint8Array[] | undefined;
  /** Of a service, method, message, field, enum or enum value by its full name. */
  fileBySymbol(symbol: string): readonly Uint8Array[] | undefined;
}

interface File {
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

/** @param files FileDescriptorProto by file name, base64 */
export function indexDescriptors(files: ReadonlyMap<string, string>): DescriptorIndex {
  const byName = new Map<string, File>();
  const bySymbol = new Map<string, string>();
  for (const [name, base64] of files) {
    const bytes = Buffer.from(base64, "base64");
    const fields = readFields(bytes);
    byName.set(name, { bytes, imports: texts(fields, 3) });
    const scope = texts(fields, 2)[0] ?? "";
    for (const symbol of symbolsOf(fields, scope)) bySymbol.set(symbol, name);
  }
  const fileByName = (name: string): readonly Uint8Array[] | undefined =>
    byName.has(name) ? [...withImports(byName, name)].map((file) => file.bytes) : undefined;
  return {
    fileByName,
    fileBySymbol: (symbol) => fileByName(bySymbol.get(symbol.replace(/^\./, "")) ?? ""),
  };
}

function withImports(files: ReadonlyMap<string, File>, name: string): Set<File> {
  const found = new Set<File>();
  const add = (wanted: string): void => {
    const file = files.get(wanted);
    if (file === undefined || found.has(file)) return;
    found.add(file);
    for (const imported of file.imports) add(imported);
  };
  add(name);
  return found;
}

/** Field numbers of descriptor.proto. */
function symbolsOf(file: Fields, scope: string): string[] {
  const join = (parent: string, name: string): string =>
    parent === "" ? name : `${parent}.${name}`;
  const named = (parent: string, bytes: Uint8Array): { fields: Fields; name: string } => {
    const fields = readFields(bytes);
    return { fields, name: join(parent, texts(fields, 1)[0] ?? "") };
  };
  const children = (parent: string, fields: Fields, number: number): string[] =>
    (fields.get(number) ?? []).map((child) => named(parent, child).name);
  const enumSymbols = (parent: string, bytes: Uint8Array): string[] => {
    const { fields, name } = named(parent, bytes);
    // Values stand beside their enum, not in it.
    return [name, ...children(parent, fields, 2)];
  };
  const messageSymbols = (parent: string, bytes: Uint8Array): string[] => {
    const { fields, name } = named(parent, bytes);
    return [
      name,
      ...children(name, fields, 2),
      ...(fields.get(3) ?? []).flatMap((nested) => messageSymbols(name, nested)),
      ...(fields.get(4) ?? []).flatMap((nested) => enumSymbols(name, nested)),
      ...children(name, fields, 8),
    ];
  };
  const serviceSymbols = (bytes: Uint8Array): string[] => {
    const { fields, name } = named(scope, bytes);
    return [name, ...children(name, fields, 2)];
  };
  return [
    ...(file.get(4) ?? []).flatMap((bytes) => messageSymbols(scope, bytes)),
    ...(file.get(5) ?? []).flatMap((bytes) => enumSymbols(scope, bytes)),
    ...(file.get(6) ?? []).flatMap(serviceSymbols),
  ];
}

/** Length-delimited fields of one message, by number. */
type Fields = ReadonlyMap<number, readonly Uint8Array[]>;

function texts(fields: Fields, number: number): string[] {
  return (fields.get(number) ?? []).map((bytes) => new TextDecoder().decode(bytes));
}

function readFields(bytes: Uint8Array): Fields {
  const fields = new Map<number, Uint8Array[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("descriptor ends in the middle of a field");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const length = varint();
      const number = Math.floor(tag / 8);
      const own = fields.get(number) ?? [];
      own.push(bytes.subarray(at, at + length));
      fields.set(number, own);
      at += length;
    }
  }
  return fields;
}
