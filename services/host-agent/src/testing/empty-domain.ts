/** A domain that has a firmware and nothing to boot, for tests of what libvirt itself does. */
export const emptyDomain = (name: string, metadata = ""): string => `
  <domain type='qemu'>
    <name>${name}</name>
    ${metadata}
    <memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='microvm'>hvm</type></os>
    <devices>
      <controller type='usb' model='none'/>
      <memballoon model='none'/>
    </devices>
  </domain>`;
