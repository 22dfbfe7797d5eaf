import type { GuestImage } from "@tidepool/guest";
import { QemuHypervisor } from "@tidepool/host-agent/measuring";
export declare const config: {
    readonly runtime: "nodejs20";
    readonly memoryMib: 128;
};
export interface Guests {
    readonly accelerator: "kvm" | "tcg";
    readonly image: GuestImage;
    readonly hypervisor: QemuHypervisor;
    /** Removed by close(). */
    readonly folder: string;
    close(): Promise<void>;
}
export declare function openGuests(): Promise<Guests>;
//# sourceMappingURL=guests.d.ts.map