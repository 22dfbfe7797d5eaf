/**
 * A function's code as a zip: a zip file as it is, a folder zipped here. What cannot work is refused before
 * anything is sent: a missing path, a file that is no zip, one that is too large, a handler that is not there.
 */
import { lstat, open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { buffer } from "node:stream/consumers";
import { faultOfZipPath, TidepoolError } from "@tidepool/common";
import { handlerFiles, readManifest } from "@tidepool/guest/runtimes";
import { fromBuffer, getFileNameLowLevel } from "yauzl";
import type { Stats } from "node:fs";
import type { Entry, ZipFile as ReadZip } from "yauzl";
import { usageError } from "../failure.ts";
import { projectFileName } from "../project/project-file-name.ts";
import { bundleTypeScript } from "./typescript.ts";
import { ZipFile } from "yazl";

export interface CodeArchive {
  readonly zip: Buffer;
  /** Names of the files inside. */
  readonly files: readonly string[];
}

/** Largest zip that a frontend takes. */
export const zipBytesMax = 50 * 1024 * 1024;
/** Largest sum of the files inside. */
export const unzippedBytesMax = 250 * 1024 * 1024;
export const zipFilesMax = 20_000;

const runtimeDefault = "nodejs20";
const skippedFolders: readonly string[] = [".git"];

/**
 * @param handler when it is in TypeScript its module is bundled, and the folder's other sources stay behind
 * @throws TidepoolError `notFound`, `invalid` or `tooLarge`, naming the path and the limit
 */
export async function readCode(path: string, handler?: string): Promise<CodeArchive> {
  const found = await statCode(path);
  if (found.isDirectory()) return zipFolder(path, handler);
  if (!found.isFile())
    throw new TidepoolError("invalid", `${path} is neither a folder nor a zip file`);
  if (found.size > zipBytesMax) throw tooLarge(path, found.size);
  if (!(await startsAsZip(path)))
    throw new TidepoolError("invalid", `${path} is not a zip file`, {
      details: { hint: "give the folder with the handler, or a zip of its content" },
    });
  const zip = await readFile(path);
  return { zip, files: await listZip(zip, path) };
}

/** What a function is called when no name is given. @throws TidepoolError `notFound` */
export async function codeName(path: string): Promise<string> {
  await statCode(path);
  return basename(resolve(path)).replace(/\.zip$/i, "");
}

async function statCode(path: string): Promise<Stats> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw usageError(`${path} does not exist`);
  return found;
}

/** Finds the file of a handler such as "index.handler". @throws TidepoolError `invalid` when it is not inside */
export function checkHandler(
  handler: string,
  archive: CodeArchive,
  path: string,
  runtime = runtimeDefault,
): void {
  const manifest = readManifest(runtime);
  const { form, example } = manifest.handler;
  const candidates = handlerFiles(manifest, handler);
  if (candidates === undefined) {
    throw new TidepoolError("invalid", `handler '${handler}' must be ${form}, as in ${example}`);
  }
  if (candidates.some((name) => archive.files.includes(name))) return;
  throw new TidepoolError(
    "invalid",
    `handler ${handler} needs one of ${candidates.join(", ")} in ${path}, which holds ${listed(archive.files)}`,
    { details: { hint: `name the handler with --handler, for ${manifest.title} as ${form}` } },
  );
}

function listed(files: readonly string[]): string {
  const shown = files.slice(0, 5).join(", ");
  if (files.length === 0) return "no files";
  return files.length > 5 ? `${shown} and ${files.length - 5} more` : shown;
}

async function startsAsZip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer: head } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const magic = head.toString("latin1", 0, bytesRead);
    return magic === "PK\x03\x04" || magic === "PK\x05\x06";
  } finally {
    await file.close();
  }
}

/** Paths only: what they hold is the frontend's to judge, which must not trust us anyway. */
async function listZip(zip: Buffer, path: string): Promise<string[]> {
  return new Promise((resolvePromise, reject) => {
    const damaged = (error: Error): void =>
      reject(new TidepoolError("invalid", `${path} is not a whole zip file: ${error.message}`));
    // Paths are decoded and checked here, so that a bad one is named as it stands in the zip.
    const options = { lazyEntries: false, decodeStrings: false };
    fromBuffer(zip, options, (error: Error | null, opened?: ReadZip) => {
      if (opened === undefined) return damaged(error ?? new Error("it cannot be opened"));
      const names: string[] = [];
      opened.on("entry", ({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry) => {
        const name = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
        const fault = faultOfZipPath(name);
        if (fault !== undefined) {
          reject(new TidepoolError("invalid", `${path} holds a path ${fault}: ${name}`));
        }
        if (!name.endsWith("/")) names.push(name);
      });
      opened.once("error", damaged);
      opened.once("end", () => resolvePromise(names));
    });
  });
}

async function zipFolder(
  path: string,
  handler: string | undefined,
): Promise<{ zip: Buffer; files: string[] }> {
  const root = await realpath(path);
  const bundled = handler === undefined ? undefined : await bundleTypeScript(root, handler);
  const found = (await listFolder(root, root)).filter(
    ({ name }) => name !== projectFileName && (bundled === undefined || !isSource(name)),
  );
  if (found.length === 0 && bundled === undefined)
    throw new TidepoolError("invalid", `folder ${path} has no files`);
  const bytes = found.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > unzippedBytesMax)
    throw new TidepoolError(
      "tooLarge",
      `folder ${path} holds ${bytes} bytes, at most ${unzippedBytesMax} are allowed`,
    );
  const archive = new ZipFile();
  for (const file of found)
    archive.addBuffer(await readFile(file.path), file.name, {
      mtime: epoch, // the same folder gives the same zip, hence the same version
      mode: file.isExecutable ? 0o100755 : 0o100644,
    });
  if (bundled !== undefined)
    archive.addBuffer(Buffer.from(bundled.content), bundled.name, { mtime: epoch, mode: 0o100644 });
  archive.end();
  const zip = await buffer(archive.outputStream);
  if (zip.length > zipBytesMax) throw tooLarge(path, zip.length);
  const names = found.map(({ name }) => name);
  return { zip, files: bundled === undefined ? names : [...names, bundled.name] };
}

/** What a bundle was made of, or is not needed beside it. */
function isSource(name: string): boolean {
  return /\.[cm]?tsx?$/.test(name) || /(^|\/)node_modules\//.test(name) || developerFiles.has(name);
}

const developerFiles: ReadonlySet<string> = new Set([
  "package.json",
  "package-lock.json",
  "tsconfig.json",
]);

/** Earliest date that a zip can hold. */
const epoch = new Date(1980, 0, 1);

interface FolderFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  readonly isExecutable: boolean;
}

async function listFolder(root: string, folder: string): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  const entries = await readdir(folder);
  for (const entry of entries.toSorted()) {
    const path = join(folder, entry);
    const link = await lstat(path);
    if (link.isSymbolicLink()) await checkLink(root, path);
    const target = await stat(path).catch(() => undefined);
    if (target === undefined) continue; // a link to nothing
    if (target.isDirectory()) {
      if (skippedFolders.includes(entry)) continue;
      if (link.isSymbolicLink()) throw linkedFolder(path); // it may contain itself
      files.push(...(await listFolder(root, path)));
    } else if (target.isFile()) {
      files.push({
        path,
        name: relative(root, path).split(sep).join("/"),
        bytes: target.size,
        isExecutable: (target.mode & 0o100) !== 0,
      });
    }
    if (files.length > zipFilesMax)
      throw new TidepoolError("tooLarge", `folder ${root} has more than ${zipFilesMax} files`);
  }
  return files;
}

function linkedFolder(path: string): TidepoolError {
  return new TidepoolError("invalid", `${path} is a link to a folder, which a zip cannot hold`, {
    details: {
      hint: "copy the folder, or install linked packages with: npm install --install-links",
    },
  });
}

async function checkLink(root: string, path: string): Promise<void> {
  const target = await realpath(path).catch(() => undefined);
  if (target !== undefined && !target.startsWith(root + sep))
    throw new TidepoolError("invalid", `${path} links to ${target}, outside the folder`);
}

function tooLarge(path: string, bytes: number): TidepoolError {
  return new TidepoolError(
    "tooLarge",
    `the zip of ${path} has ${bytes} bytes, at most ${zipBytesMax} are allowed`,
  );
}
