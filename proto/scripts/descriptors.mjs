// FileDescriptorProtos for gRPC reflection. protobufjs describes one file a package, without imports and with
// relative type names; other languages' descriptor pools want files under their real names with absolute types,
// so each top-level type is put back into the file that declares it.
import { createRequire } from "node:module";
import { isAbsolute, join, relative } from "node:path";

const require = createRequire(import.meta.url);
const protobuf = require("protobufjs");
const { FileDescriptorProto } = require("protobufjs/ext/descriptor.js");

/** @returns {Promise<{ name: string, bytes: Uint8Array }[]>} */
export async function describe(root, protos) {
  const all = new protobuf.Root();
  all.resolvePath = (_origin, target) =>
    target.startsWith("google/protobuf/") || isAbsolute(target) ? target : join(root, target);
  await all.load(protos.map((name) => join(root, name)));
  all.resolveAll();

  const files = new Map();
  for (const described of all.toDescriptor("proto3").file) {
    const scope = all.lookup(described.package);
    for (const kind of ["messageType", "enumType", "service"]) {
      for (const item of described[kind]) {
        const source = scope.get(item.name);
        const file = fileOf(files, fileName(root, source), described.package);
        absolute(item, source, (target) => {
          const name = fileName(root, topLevel(target));
          if (name !== file.name && !file.dependency.includes(name)) file.dependency.push(name);
        });
        file[kind].push(item);
      }
    }
  }
  return [...files.values()].map((file) => ({
    name: file.name,
    bytes: FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish(),
  }));
}

function fileOf(files, name, packageName) {
  const known = files.get(name);
  if (known !== undefined) return known;
  const file = {
    name,
    package: packageName,
    syntax: "proto3",
    dependency: [],
    messageType: [],
    enumType: [],
    service: [],
  };
  files.set(name, file);
  return file;
}

// protobufjs carries the well-known types itself, without a file: Timestamp, Any.
function fileName(root, source) {
  return source.filename === null
    ? `google/protobuf/${source.name.toLowerCase()}.proto`
    : relative(root, source.filename);
}

function topLevel(type) {
  return type.parent instanceof protobuf.Type ? topLevel(type.parent) : type;
}

function absolute(item, source, uses) {
  if (source instanceof protobuf.Service) {
    for (const method of item.method) {
      const { resolvedRequestType, resolvedResponseType } = source.methods[method.name].resolve();
      method.inputType = resolvedRequestType.fullName;
      method.outputType = resolvedResponseType.fullName;
      uses(resolvedRequestType);
      uses(resolvedResponseType);
    }
    return;
  }
  if (!(source instanceof protobuf.Type)) return;
  for (const field of item.field) {
    const known = source.fieldsArray.find(({ id }) => id === field.number);
    if (known.map) {
      const entry = item.nestedType.find(({ name }) => name === field.typeName);
      entry.name = `${field.name.replace(/(^|_)(.)/g, (_all, _mark, letter) => letter.toUpperCase())}Entry`;
      field.typeName = `${source.fullName}.${entry.name}`;
    } else if (known.resolvedType !== null) {
      field.typeName = known.resolvedType.fullName;
      uses(known.resolvedType);
    }
  }
  for (const nested of item.nestedType) {
    const inner = source.nested?.[nested.name];
    if (inner !== undefined) absolute(nested, inner, uses);
  }
}
