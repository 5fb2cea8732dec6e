/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "fd_above.h"

/* Host and guest address agree modulo this, so that the hypervisor can use huge pages. */
#define HUGE_PAGE 0x200000ull
#define MIN_SIZE  0x100000ull
#define LOW_PAGES 0x1000000ull /* RAM of small pages: what PCs call the DMA zone */
/* Leaves room for the reservation's guards in 47 bits of user address space. */
#define MAX_SIZE (1ull << 46)

static hv_status fail(struct hv_fault *fault, hv_status status, const char *call, int error)
{
	*fault = (struct hv_fault){.status = status, .sys_errno = error, .call = call};
	return status;
}

static hv_status status_of_memory_errno(int error)
{
	return error == EMFILE || error == ENFILE ? HV_STATUS_NO_RESOURCES
						  : HV_STATUS_INSUFFICIENT_MEMORY;
}

bool guest_memory_size_valid(uint64_t size)
{
	return size >= MIN_SIZE && size <= MAX_SIZE && size % PARTITION_PAGE_SIZE == 0;
}

/*
 * Memory is not charged before it is touched, so that any size would "succeed" and the guest be
 * killed later. What the host could not hold with everything else evicted is refused here; whether
 * it fits beside the other partitions is the management service's business.
 */
static bool host_can_hold(uint64_t size)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return true;
	uint64_t units = (uint64_t)info.totalram + info.totalswap;
	return size / info.mem_unit < units;
}

int partition_open_pages(void)
{
	return fd_above(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
}

/*
 * Huge pages are what makes a guest's memory fast, and a host gives them to private memory of a
 * process, but by default not to shared memory. Below LOW_PAGES there is little, and for short
 * times: huge pages there would be most of what a tiny guest takes.
 */
static void memory_advise(const struct guest_memory *memory)
{
	size_t low = memory->size < LOW_PAGES ? memory->size : LOW_PAGES;

	(void)madvise(memory->hva, low, MADV_NOHUGEPAGE);
	(void)madvise(memory->hva + low, memory->size - low, MADV_HUGEPAGE);
	/* Guest RAM has no place in a core dump or a forked child. */
	(void)madvise(memory->hva, memory->size, MADV_DONTDUMP);
	(void)madvise(memory->hva, memory->size, MADV_DONTFORK);
}

/* Reserves address space, then maps the RAM into its aligned middle. */
static hv_status memory_map(struct guest_memory *memory, struct hv_fault *fault)
{
	size_t reserved = memory->size + 2 * HUGE_PAGE;
	void *reservation =
		mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reservation == MAP_FAILED)
		return fail(fault, status_of_memory_errno(errno), "mmap", errno);
	memory->reservation = reservation;
	memory->reserved = reserved;

	uintptr_t aligned = ((uintptr_t)reservation + HUGE_PAGE) & ~(uintptr_t)(HUGE_PAGE - 1);
	void *hva = mmap((void *)aligned, memory->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	if (hva == MAP_FAILED)
		return fail(fault, status_of_memory_errno(errno), "mmap", errno);
	memory->hva = hva;
	memory_advise(memory);
	return HV_STATUS_SUCCESS;
}

static void memory_lay_out(struct guest_memory *memory)
{
	uint64_t low = memory->size < PARTITION_LOW_LIMIT ? memory->size : PARTITION_LOW_LIMIT;

	memory->range[0] = (struct gpa_range){.base = 0, .size = low};
	memory->range[1] =
		(struct gpa_range){.base = PARTITION_HIGH_BASE, .size = memory->size - low};
	memory->n_ranges = memory->size > low ? 2 : 1;
}

hv_status guest_memory_init(struct guest_memory *memory, uint64_t size, int pages_fd,
			    struct hv_fault *fault)
{
	*memory = (struct guest_memory){.pages_fd = -1};
	if (!guest_memory_size_valid(size))
		return fail(fault, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE, "memory_size", 0);
	if (!host_can_hold(size))
		return fail(fault, HV_STATUS_INSUFFICIENT_MEMORY, "sysinfo", ENOMEM);

	memory->size = size;
	memory_lay_out(memory);
	/* Without it all RAM counts as used. */
	memory->pages_fd = pages_fd > 0	   ? fcntl(pages_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
			   : pages_fd == 0 ? partition_open_pages()
					   : -1;
	hv_status status = memory_map(memory, fault);
	if (status != HV_STATUS_SUCCESS)
		guest_memory_release(memory);
	return status;
}

void guest_memory_release(struct guest_memory *memory)
{
	if (memory->reservation != NULL)
		(void)munmap(memory->reservation, memory->reserved);
	if (memory->size != 0 && memory->pages_fd >= 0)
		(void)close(memory->pages_fd);
	*memory = (struct guest_memory){.pages_fd = -1};
}

bool guest_memory_offset(const struct guest_memory *memory, uint64_t gpa, uint64_t size,
			 uint64_t *offset)
{
	uint64_t before = 0;

	for (size_t i = 0; i < memory->n_ranges; i++) {
		const struct gpa_range *range = &memory->range[i];

		if (gpa >= range->base && gpa - range->base <= range->size &&
		    size <= range->size - (gpa - range->base)) {
			*offset = before + (gpa - range->base);
			return true;
		}
		before += range->size;
	}
	return false;
}

/* Entries of /proc/PID/pagemap, one a page. */
#define PAGE_PRESENT  (1ull << 63)
#define PAGE_SWAPPED  (1ull << 62)
#define PAGES_AT_ONCE 512u

/*
 * The first offset at or after `offset` whose page is in memory or in swap (is true) or in neither;
 * `end` when there is none.
 */
static uint64_t pages_find(const struct guest_memory *memory, uint64_t offset, uint64_t end,
			   bool is)
{
	uint64_t entries[PAGES_AT_ONCE];

	while (offset < end) {
		uint64_t page = ((uintptr_t)memory->hva + offset) / PARTITION_PAGE_SIZE;
		ssize_t got = pread(memory->pages_fd, entries, sizeof(entries),
				    (off_t)(page * sizeof(entries[0])));
		size_t n = got > 0 ? (size_t)got / sizeof(entries[0]) : 0;

		if (n == 0) /* nobody knows: it may be used */
			return is ? offset : end;
		for (size_t i = 0; i < n && offset < end; i++) {
			if (((entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0) == is)
				return offset;
			offset = (offset / PARTITION_PAGE_SIZE + 1) * PARTITION_PAGE_SIZE;
		}
	}
	return end;
}

/* The first offset at or after `offset` that may hold anything; the end of RAM when none does. */
static uint64_t used_begin(const struct guest_memory *memory, uint64_t offset)
{
	uint64_t begin = pages_find(memory, offset, memory->size, true);
	uint64_t mapped = memory->mapped > offset ? memory->mapped : offset;

	return mapped < memory->mapped_end && mapped < begin ? mapped : begin;
}

/* Where what is used at `begin` ends. */
static uint64_t used_end(const struct guest_memory *memory, uint64_t begin)
{
	if (begin >= memory->mapped && begin < memory->mapped_end)
		return memory->mapped_end;
	return pages_find(memory, begin, memory->size, false);
}

bool guest_memory_next_used(const struct guest_memory *memory, uint64_t gpa, struct gpa_range *used)
{
	uint64_t before = 0;

	for (size_t i = 0; i < memory->n_ranges; i++) {
		const struct gpa_range *range = &memory->range[i];
		uint64_t skipped = gpa > range->base ? gpa - range->base : 0;
		uint64_t end = before + range->size;
		uint64_t begin = skipped < range->size ? used_begin(memory, before + skipped) : end;

		if (begin < end) {
			uint64_t until = used_end(memory, begin);

			used->base = range->base + (begin - before);
			used->size = (until < end ? until : end) - begin;
			return true;
		}
		before = end;
	}
	return false;
}

/* True when no byte of the pages [offset, offset + size) lies beyond the file's last page. */
static bool file_covers(int fd, uint64_t offset, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return false;
	uint64_t end =
		((uint64_t)st.st_size + PARTITION_PAGE_SIZE - 1) & ~(PARTITION_PAGE_SIZE - 1);
	return offset <= end && size <= end - offset;
}

hv_status guest_memory_map_file(struct guest_memory *memory, uint64_t gpa, int fd, uint64_t offset,
				uint64_t size)
{
	uint64_t ram_offset;

	if ((gpa | offset | size) % PARTITION_PAGE_SIZE != 0)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (size == 0 || !guest_memory_offset(memory, gpa, size, &ram_offset))
		return HV_STATUS_INVALID_PARAMETER;
	/* The guest would otherwise fault on a page that has nothing behind it. */
	if (!file_covers(fd, offset, size))
		return HV_STATUS_INVALID_PARAMETER;

	void *at = memory->hva + ram_offset;
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
		 (off_t)offset) == MAP_FAILED)
		return errno == EACCES || errno == EPERM ? HV_STATUS_ACCESS_DENIED
							 : HV_STATUS_INSUFFICIENT_MEMORY;
	(void)madvise(at, size, MADV_DONTDUMP);
	(void)madvise(at, size, MADV_DONTFORK);
	if (memory->mapped == memory->mapped_end || ram_offset < memory->mapped)
		memory->mapped = ram_offset;
	if (ram_offset + size > memory->mapped_end)
		memory->mapped_end = ram_offset + size;
	return HV_STATUS_SUCCESS;
}
