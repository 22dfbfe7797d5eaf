/** The switch on the wire. */
import { tidepool } from "@tidepool/proto";
import type { Prediction } from "../ports.ts";

const { PREDICTION_ON, PREDICTION_SHADOW, PREDICTION_OFF } = tidepool.v1.Prediction;

const wires = {
  on: PREDICTION_ON,
  shadow: PREDICTION_SHADOW,
  off: PREDICTION_OFF,
} as const satisfies Record<Prediction, tidepool.v1.Prediction>;

export function predictionToWire(prediction: Prediction): tidepool.v1.Prediction {
  return wires[prediction];
}

/** Undefined when it is left to others, or is a later version's. */
export function parsePrediction(
  wire: tidepool.v1.Prediction | null | undefined,
): Prediction | undefined {
  if (wire === PREDICTION_ON) return "on";
  if (wire === PREDICTION_SHADOW) return "shadow";
  return wire === PREDICTION_OFF ? "off" : undefined;
}
