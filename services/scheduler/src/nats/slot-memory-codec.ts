/** What the learned forecast remembers of a function, to its protobuf message and back, exactly. */
import { restoreMemory, storeMemory } from "@tidepool/policy";
import type { SlotMemory } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";

type Wire = tidepool.internal.v1.SlotMemory.$Properties;

export function slotMemoryToWire(memory: SlotMemory): Wire {
  const { slotMs, calls, account, phase } = storeMemory(memory);
  const { gaps, bits, ...numbers } = calls;
  const { cosine: phaseCosine, sine: phaseSine, weight: phaseWeight } = phase;
  return {
    slotMs,
    ...numbers,
    gaps: [...gaps],
    bits: [...bits],
    ...account,
    phaseCosine,
    phaseSine,
    phaseWeight,
  };
}

export function slotMemoryFromWire(wire: Wire): SlotMemory {
  const number = (value: number | null | undefined): number => value ?? 0;
  return restoreMemory({
    slotMs: number(wire.slotMs),
    calls: {
      firstSlot: number(wire.firstSlot),
      lastSlot: number(wire.lastSlot),
      total: number(wire.total),
      lastCount: number(wire.lastCount),
      countLevel: number(wire.countLevel),
      period: number(wire.period),
      periodSoughtAt: number(wire.periodSoughtAt),
      bias: number(wire.bias),
      learned: number(wire.learned),
      loss: number(wire.loss),
      rateLoss: number(wire.rateLoss),
      slotsSettled: number(wire.slotsSettled),
      hitsSettled: number(wire.hitsSettled),
      gaps: Uint16Array.from(wire.gaps ?? []),
      bits: Uint32Array.from(wire.bits ?? []),
    },
    account: {
      isOn: wire.isOn ?? false,
      forecastCost: number(wire.forecastCost),
      forecastWaste: number(wire.forecastWaste),
      keepAliveCost: number(wire.keepAliveCost),
      keepAliveWaste: number(wire.keepAliveWaste),
    },
    phase: {
      cosine: number(wire.phaseCosine),
      sine: number(wire.phaseSine),
      weight: number(wire.phaseWeight),
    },
  });
}
