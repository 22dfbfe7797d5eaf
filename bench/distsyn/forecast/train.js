/**
 * Trains the network by Adam on log loss. Everything random comes from one seed, all sums run in one
 * order: the same samples give the same weights.
 */
import { evidenceCount, LayerStack, standardise } from "@tidepool/policy/model";
import { seededRandom } from "@tidepool/policy";
const momentum = 0.9;
const momentumSquare = 0.999;
const rateEnd = 1e-5;
export function train(sets, options, onProgress = () => { }) {
    const random = seededRandom(options.seed);
    const draw = sampler(sets, options.without, random);
    const { mean, scale } = momentsOf(sets, options.without);
    const sizes = [evidenceCount, ...options.hidden, 1];
    const stack = new LayerStack(sizes, true);
    stack.load(firstLayers(sizes, Math.log(draw.hitShare / (1 - draw.hitShare)), random));
    const adams = stack.trained().map((part) => new Adam(part, part.isBias ? 0 : options.decay));
    const steps = Math.floor((options.passes * draw.count) / options.batch);
    for (let step = 0; step < steps; step += 1) {
        const rate = options.rate * 0.5 * (1 + Math.cos((Math.PI * step) / steps)) + rateEnd;
        for (let b = 0; b < options.batch; b += 1) {
            const { set, index, weight } = draw.next();
            standardise(set.evidence, mean, scale, stack.input, index * evidenceCount);
            const probability = 1 / (1 + Math.exp(-stack.forward()));
            stack.gather(((probability - (set.hit[index] ?? 0)) * weight) / options.batch);
        }
        for (const adam of adams)
            adam.step(rate, step + 1);
        if (step % 256 === 0)
            onProgress(step / steps);
    }
    return { mean, scale, layers: stack.store() };
}
/** Drawn so that values keep their size from layer to layer; the output begins at the usual log odds. */
function firstLayers(sizes, usual, random) {
    return sizes.slice(1).map((outputs, index) => {
        const inputs = sizes[index] ?? 0;
        const isLast = index === sizes.length - 2;
        const spread = Math.sqrt(2 / inputs) * (isLast ? 0.1 : 1);
        const weights = Float32Array.from({ length: inputs * outputs }, () => {
            const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
            return normal * spread;
        });
        return { inputs, outputs, weights, biases: new Float32Array(outputs).fill(isLast ? usual : 0) };
    });
}
class Adam {
    #values;
    #slopes;
    #decay;
    #first;
    #second;
    constructor({ values, slopes }, decay) {
        this.#values = values;
        this.#slopes = slopes;
        this.#decay = decay;
        this.#first = new Float32Array(values.length);
        this.#second = new Float32Array(values.length);
    }
    step(rate, count) {
        const first = this.#first;
        const second = this.#second;
        const correctFirst = 1 / (1 - momentum ** count);
        const correctSecond = 1 / (1 - momentumSquare ** count);
        for (let i = 0; i < this.#values.length; i += 1) {
            const slope = this.#slopes[i] ?? 0;
            const m = momentum * (first[i] ?? 0) + (1 - momentum) * slope;
            const v = momentumSquare * (second[i] ?? 0) + (1 - momentumSquare) * slope * slope;
            first[i] = m;
            second[i] = v;
            const value = this.#values[i] ?? 0;
            const move = (m * correctFirst) / (Math.sqrt(v * correctSecond) + 1e-8) + this.#decay * value;
            this.#values[i] = value - rate * move;
            this.#slopes[i] = 0;
        }
    }
}
/** Draws samples by the root of their weight; what remains of the weight goes into the slope. */
function sampler(sets, without, random) {
    const places = [];
    let total = 0;
    for (const set of sets) {
        places.push({ set, from: total });
        total += set.count;
    }
    const sums = new Float64Array(total);
    let sum = 0;
    let count = 0;
    let weights = 0;
    let hits = 0;
    for (const { set, from } of places)
        for (let i = 0; i < set.count; i += 1) {
            const weight = set.fold[i] === without ? 0 : (set.weight[i] ?? 0);
            if (weight > 0)
                count += 1;
            weights += weight;
            hits += weight * (set.hit[i] ?? 0);
            sum += Math.sqrt(weight);
            sums[from + i] = sum;
        }
    const meanWeight = weights / count;
    const meanRoot = sum / count;
    return {
        count,
        hitShare: hits / weights,
        next() {
            const at = lowerBound(sums, random() * sum);
            const place = places.findLast(({ from }) => from <= at);
            if (place === undefined)
                throw new RangeError("no samples to draw from");
            const index = at - place.from;
            const weight = place.set.weight[index] ?? 0;
            return { set: place.set, index, weight: (Math.sqrt(weight) / meanWeight) * meanRoot };
        },
    };
}
function lowerBound(sums, value) {
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
        const middle = (low + high) >> 1;
        if ((sums[middle] ?? 0) > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
function momentsOf(sets, without) {
    const sum = new Float64Array(evidenceCount);
    const square = new Float64Array(evidenceCount);
    let count = 0;
    for (const set of sets)
        for (let index = 0; index < set.count; index += 7) {
            if (set.fold[index] === without)
                continue;
            count += 1;
            for (let i = 0; i < evidenceCount; i += 1) {
                const value = set.evidence[index * evidenceCount + i] ?? 0;
                sum[i] = (sum[i] ?? 0) + value;
                square[i] = (square[i] ?? 0) + value * value;
            }
        }
    const mean = Float32Array.from(sum, (value) => value / count);
    const scale = Float32Array.from(square, (value, i) => {
        const variance = Math.max(0, value / count - (mean[i] ?? 0) ** 2);
        return 1 / (Math.sqrt(variance) + 1e-3);
    });
    return { mean, scale };
}
//# sourceMappingURL=train.js.map