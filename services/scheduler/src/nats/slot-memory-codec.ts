/** What the learned forecast remembers of a function, to its protobuf message and back, exactly. */
import { restoreMemory, storeMemory } from "@tidepool/policy";
import type { SlotMemory } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";
import { VarintReader, VarintWriter } from "./varints.ts";

type Wire = tidepool.internal.v1.SlotMemory.$Properties;
type WireNumbers = Omit<Wire, "gaps" | "bits">;

const writer = new VarintWriter();
const scratch = new Uint16Array(4_096);

export function slotMemoryToWire(memory: SlotMemory): Wire {
  const { slotMs, calls, account, phase } = storeMemory(memory);
  const { gaps, bits, ...numbers } = calls;
  const { cosine: phaseCosine, sine: phaseSine, weight: phaseWeight } = phase;
  for (const gap of gaps) writer.uint(gap);
  return {
    slotMs,
    ...numbers,
    gaps: writer.take(),
    bits: new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength),
    ...account,
    phaseCosine,
    phaseSine,
    phaseWeight,
  };
}

export function slotMemoryFromWire(wire: Wire): SlotMemory {
  const number = (name: keyof WireNumbers): number => {
    const value = wire[name];
    return typeof value === "number" ? value : 0;
  };
  return restoreMemory({
    slotMs: number("slotMs"),
    calls: {
      firstSlot: number("firstSlot"),
      lastSlot: number("lastSlot"),
      total: number("total"),
      lastCount: number("lastCount"),
      countLevel: number("countLevel"),
      period: number("period"),
      periodSoughtAt: number("periodSoughtAt"),
      bias: number("bias"),
      learned: number("learned"),
      loss: number("loss"),
      rateLoss: number("rateLoss"),
      slotsSettled: number("slotsSettled"),
      hitsSettled: number("hitsSettled"),
      gaps: gapsOf(wire.gaps),
      bits: wordsOf(wire.bits),
    },
    account: {
      isOn: wire.isOn ?? false,
      forecastCost: number("forecastCost"),
      forecastWaste: number("forecastWaste"),
      keepAliveCost: number("keepAliveCost"),
      keepAliveWaste: number("keepAliveWaste"),
    },
    phase: {
      cosine: number("phaseCosine"),
      sine: number("phaseSine"),
      weight: number("phaseWeight"),
    },
  });
}

function gapsOf(bytes: Uint8Array | null | undefined): Uint16Array {
  if (!bytes) return new Uint16Array(0);
  const reader = new VarintReader(bytes);
  let count = 0;
  while (!reader.isAtEnd) scratch[count++] = reader.uint();
  return scratch.slice(0, count);
}

/** Copied: the words need an alignment that a part of a message does not have. */
function wordsOf(bytes: Uint8Array | null | undefined): Uint32Array {
  if (!bytes || bytes.length === 0) return new Uint32Array(0);
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
