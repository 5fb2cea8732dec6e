/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the emulated machine can be found in no other way. Addresses and interrupts are those of
 * boot.h; the power button and the sleep registers are the FADT's fixed ones.
 */
DefinitionBlock ("", "DSDT", 2, "VMMS", "VMMSDSDT", 0x00000001)
{
	Name (\_S4, Package (4) { 4, 4, 0, 0 }) /* by which Linux knows that it may hibernate */
	Name (\_S5, Package (4) { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_STA, 0x0F)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
				IRQNoFlags () { 4 }
			})
		}

		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			Name (_STA, 0x0F)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x02F8, 0x02F8, 0x00, 0x08)
				IRQNoFlags () { 3 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 0x00, 0x02)
				IRQNoFlags () { 8 }
			})
		}

		/* VMBus begins */
		/*
		 * Guests find VMBus by this device, and the addresses that its MMIO users may have by
		 * the module device around it: from above where RAM and PCI may be, up to the IOAPIC.
		 */
		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					Cacheable, ReadWrite,
					0x00000000, 0xF8000000, 0xFEBFFFFF, 0x00000000, 0x06C00000)
			})

			Device (VMBS)
			{
				Name (_HID, "MSFT1000")
				Name (_CID, "VMBus")
				Name (_UID, 0)
				Name (_STA, 0x0F)
			}
		}
		/* VMBus ends */
	}
}
