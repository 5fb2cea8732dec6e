/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uart.h"

#include <glib.h>
#include <string.h>

#define UART_FIFO_SIZE 16u

enum { /* offsets; 0 and 1 are the divisor while LCR_DLAB is set */
       UART_DATA,
       UART_IER,
       UART_IIR_FCR,
       UART_LCR,
       UART_MCR,
       UART_LSR,
       UART_MSR,
       UART_SCR,
};

enum {
	IER_RX = 0x01,
	IER_THRE = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,
	IER_MASK = 0x0f,

	IIR_MODEM = 0x00,
	IIR_NONE = 0x01,
	IIR_THRE = 0x02,
	IIR_RX = 0x04,
	IIR_LINE = 0x06,
	IIR_RX_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	FCR_CLEAR_TX = 0x04,

	LCR_LENGTH = 0x03,
	LCR_STOP = 0x04,
	LCR_PARITY = 0x08,
	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_MASK = 0x1f,

	LSR_DATA_READY = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_THRE = 0x20,
	LSR_TEMT = 0x40,

	MSR_DELTA_CTS = 0x01,
	MSR_DELTA_DSR = 0x02,
	MSR_TRAILING_RI = 0x04,
	MSR_DELTA_DCD = 0x08,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

struct uart {
	struct uart_config config; /* constant */
	struct device_timer *timeout_timer;

	GMutex lock; /* all below */
	uint8_t ier, lcr, mcr, scr, msr;
	uint16_t divisor;
	bool overrun;
	bool thre_pending; /* the transmitter emptied and nobody was told yet */
	bool fifos;	   /* FCR_ENABLE */
	uint8_t trigger;   /* bytes */
	uint8_t rx[UART_FIFO_SIZE];
	unsigned int rx_first, rx_count;
	bool rx_timeout; /* the receive time-out passed */
	bool timer_armed;
	bool refused; /* uart_receive left bytes behind */
	bool line;    /* level of the interrupt line */
};

static const uint8_t uart_triggers[4] = {1, 4, 8, 14};

/* ---- interrupts ------------------------------------------------------------------------------ */

static unsigned int uart_rx_capacity(const struct uart *uart)
{
	return uart->fifos ? UART_FIFO_SIZE : 1;
}

static unsigned int uart_rx_trigger(const struct uart *uart)
{
	return uart->fifos ? uart->trigger : 1;
}

/* The source of the highest priority, as IIR names it (data sheet, table IV). */
static uint8_t uart_source(const struct uart *uart)
{
	if ((uart->ier & IER_LINE) && uart->overrun)
		return IIR_LINE;
	if ((uart->ier & IER_RX) && uart->rx_count >= uart_rx_trigger(uart))
		return IIR_RX;
	if ((uart->ier & IER_RX) && uart->rx_timeout)
		return IIR_RX_TIMEOUT;
	if ((uart->ier & IER_THRE) && uart->thre_pending)
		return IIR_THRE;
	if ((uart->ier & IER_MODEM) && (uart->msr & 0x0f))
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC, OUT2 opens the buffer between INTR and the bus; in loop-back the pin is inactive. */
static bool uart_level(const struct uart *uart)
{
	bool open = (uart->mcr & MCR_OUT2) && !(uart->mcr & MCR_LOOP);

	return open && uart_source(uart) != IIR_NONE;
}

static void uart_update_line(struct uart *uart)
{
	bool level = uart_level(uart);

	if (level == uart->line)
		return;
	uart->line = level;
	uart->config.irq.set(uart->config.irq.context, level);
}

/* ---- receiver -------------------------------------------------------------------------------- */

/* Four characters at the programmed speed. Slow rates count as 9600 baud: nothing here is as slow
 * as they are, and the guest's user would wait for it. */
static uint64_t uart_timeout_ns(const struct uart *uart)
{
	uint64_t bits = 1u + 5u + (uart->lcr & LCR_LENGTH) + ((uart->lcr & LCR_PARITY) ? 1u : 0u) +
			((uart->lcr & LCR_STOP) ? 2u : 1u);
	uint64_t divisor = CLAMP(uart->divisor, 1u, 12u);

	return 4 * bits * divisor * 1000000000u / 115200u;
}

/* The time-out counts from the last byte that came in or was read (data sheet 8.4). */
static void uart_restart_timeout(struct uart *uart)
{
	const struct device_clock *clock = &uart->config.clock;

	uart->rx_timeout = false;
	if (uart->fifos && uart->rx_count > 0 && uart->rx_count < uart->trigger) {
		clock->timer_arm(uart->timeout_timer,
				 clock->monotonic_ns(clock->context) + uart_timeout_ns(uart));
		uart->timer_armed = true;
	} else if (uart->timer_armed) {
		clock->timer_disarm(uart->timeout_timer);
		uart->timer_armed = false;
	}
}

static void uart_timeout_expired(void *device)
{
	struct uart *uart = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);

	if (!uart->timer_armed)
		return;
	uart->timer_armed = false;
	uart->rx_timeout = true;
	uart_update_line(uart);
}

static void uart_rx_push(struct uart *uart, uint8_t byte)
{
	unsigned int at = (uart->rx_first + uart->rx_count) % UART_FIFO_SIZE;

	if (uart->rx_count < uart_rx_capacity(uart)) {
		uart->rx[at] = byte;
		uart->rx_count++;
		return;
	}
	/* A full FIFO keeps what it has; without FIFOs the holding register is overwritten. */
	uart->overrun = true;
	if (!uart->fifos)
		uart->rx[uart->rx_first] = byte;
}

/* At half, so that the guest finds more when it has read the rest. */
static void uart_offer_room(struct uart *uart)
{
	if (!uart->refused || (uart->mcr & MCR_LOOP) || uart->rx_count > uart_rx_capacity(uart) / 2)
		return;
	uart->refused = false;
	if (uart->config.can_receive)
		uart->config.can_receive(uart->config.context);
}

static uint8_t uart_rx_pop(struct uart *uart)
{
	uint8_t byte;

	if (uart->rx_count == 0)
		return 0;
	byte = uart->rx[uart->rx_first];
	uart->rx_first = (uart->rx_first + 1) % UART_FIFO_SIZE;
	uart->rx_count--;
	uart_restart_timeout(uart);
	uart_offer_room(uart);
	return byte;
}

static void uart_rx_clear(struct uart *uart)
{
	uart->rx_first = uart->rx_count = 0;
	uart_restart_timeout(uart);
	uart_offer_room(uart);
}

size_t uart_receive(struct uart *uart, const uint8_t *data, size_t n)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);
	size_t taken = 0;

	if (!(uart->mcr & MCR_LOOP))
		while (taken < n && uart->rx_count < uart_rx_capacity(uart))
			uart_rx_push(uart, data[taken++]);
	if (taken < n)
		uart->refused = true;
	if (taken > 0) {
		uart_restart_timeout(uart);
		uart_update_line(uart);
	}
	return taken;
}

/* ---- transmitter and modem ------------------------------------------------------------------- */

static void uart_transmit(struct uart *uart, const uint8_t *data, size_t n)
{
	if (uart->mcr & MCR_LOOP) {
		for (size_t i = 0; i < n; i++)
			uart_rx_push(uart, data[i]);
		uart_restart_timeout(uart);
	} else {
		uart->config.output(uart->config.context, data, n);
	}
	/* Filled and emptied at once: the interrupt is cleared and raised again. */
	uart->thre_pending = true;
	uart_update_line(uart);
}

/* The modem inputs: always on, or MCR's outputs in loop-back (data sheet 8.6.4). */
static uint8_t uart_modem_inputs(const struct uart *uart)
{
	uint8_t inputs = 0;

	if (!(uart->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (uart->mcr & MCR_RTS)
		inputs |= MSR_CTS;
	if (uart->mcr & MCR_DTR)
		inputs |= MSR_DSR;
	if (uart->mcr & MCR_OUT1)
		inputs |= MSR_RI;
	if (uart->mcr & MCR_OUT2)
		inputs |= MSR_DCD;
	return inputs;
}

static void uart_write_mcr(struct uart *uart, uint8_t value)
{
	uint8_t inputs, changed;

	uart->mcr = value & MCR_MASK;
	inputs = uart_modem_inputs(uart);
	changed = (inputs ^ uart->msr) & 0xf0;
	if (changed & MSR_CTS)
		uart->msr |= MSR_DELTA_CTS;
	if (changed & MSR_DSR)
		uart->msr |= MSR_DELTA_DSR;
	if ((changed & MSR_RI) && !(inputs & MSR_RI))
		uart->msr |= MSR_TRAILING_RI;
	if (changed & MSR_DCD)
		uart->msr |= MSR_DELTA_DCD;
	uart->msr = (uint8_t)((uart->msr & 0x0f) | inputs);
	uart_offer_room(uart);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Switching the FIFOs clears both; the other bits count only together with FCR_ENABLE. */
static void uart_write_fcr(struct uart *uart, uint8_t value)
{
	bool enable = value & FCR_ENABLE;
	bool switched = enable != uart->fifos;

	uart->fifos = enable;
	if (enable)
		uart->trigger = uart_triggers[value >> 6];
	if (switched || (enable && (value & FCR_CLEAR_RX)))
		uart_rx_clear(uart);
	else
		uart_restart_timeout(uart);
	if (switched || (enable && (value & FCR_CLEAR_TX)))
		uart->thre_pending = true; /* THRE never went away */
}

/* Enabling the interrupt of an empty transmitter raises it: drivers start sending that way. */
static void uart_write_ier(struct uart *uart, uint8_t value)
{
	if ((value & IER_THRE) && !(uart->ier & IER_THRE))
		uart->thre_pending = true;
	uart->ier = value & IER_MASK;
}

static uint8_t uart_read_iir(struct uart *uart)
{
	uint8_t source = uart_source(uart);

	if (source == IIR_THRE)
		uart->thre_pending = false;
	return (uint8_t)(source | (uart->fifos ? IIR_FIFOS : 0));
}

static uint8_t uart_read_lsr(struct uart *uart)
{
	uint8_t value = LSR_THRE | LSR_TEMT;

	if (uart->rx_count > 0)
		value |= LSR_DATA_READY;
	if (uart->overrun)
		value |= LSR_OVERRUN;
	uart->overrun = false;
	return value;
}

static uint8_t uart_read_msr(struct uart *uart)
{
	uint8_t value = uart->msr;

	uart->msr &= 0xf0;
	return value;
}

static uint64_t uart_read(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED)
{
	struct uart *uart = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);
	bool dlab = uart->lcr & LCR_DLAB;
	uint8_t value = 0xff;

	switch (offset) {
	case UART_DATA:
		value = dlab ? (uint8_t)uart->divisor : uart_rx_pop(uart);
		break;
	case UART_IER:
		value = dlab ? (uint8_t)(uart->divisor >> 8) : uart->ier;
		break;
	case UART_IIR_FCR:
		value = uart_read_iir(uart);
		break;
	case UART_LCR:
		value = uart->lcr;
		break;
	case UART_MCR:
		value = uart->mcr;
		break;
	case UART_LSR:
		value = uart_read_lsr(uart);
		break;
	case UART_MSR:
		value = uart_read_msr(uart);
		break;
	case UART_SCR:
		value = uart->scr;
		break;
	default:
		break;
	}
	uart_update_line(uart);
	return value;
}

static void uart_write_locked(struct uart *uart, uint64_t offset, const uint8_t *data, size_t n)
{
	uint8_t value = data[n - 1]; /* of several to one register the last stays */
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case UART_DATA:
		if (dlab)
			uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
		else
			uart_transmit(uart, data, n);
		break;
	case UART_IER:
		if (dlab)
			uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | value << 8);
		else
			uart_write_ier(uart, value);
		break;
	case UART_IIR_FCR:
		uart_write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		uart_write_mcr(uart, value);
		break;
	case UART_SCR:
		uart->scr = value;
		break;
	default: /* LSR and MSR: "not recommended"; they take nothing */
		break;
	}
	uart_update_line(uart);
}

static void uart_write(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED,
		       uint64_t value)
{
	struct uart *uart = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);
	uint8_t byte = (uint8_t)value;

	uart_write_locked(uart, offset, &byte, 1);
}

static void uart_write_string(void *device, uint64_t offset, const uint8_t *data, size_t n)
{
	struct uart *uart = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);

	if (offset == UART_DATA) {
		uart_write_locked(uart, offset, data, n);
		return;
	}
	for (size_t i = 0; i < n; i++) /* IER and FCR act on every write */
		uart_write_locked(uart, offset, data + i, 1);
}

const struct io_ops uart_ops = {
	.read = uart_read,
	.write = uart_write,
	.write_string = uart_write_string,
	.width = 1,
};

/* ---- life ------------------------------------------------------------------------------------ */

/* Data sheet, table III. The speed and the scratch register are undefined there. */
static void uart_reset_locked(struct uart *uart)
{
	uart->ier = uart->lcr = uart->mcr = uart->scr = 0;
	uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	uart->divisor = 1;
	uart->overrun = uart->thre_pending = uart->fifos = false;
	uart->trigger = 1;
	uart_rx_clear(uart);
	uart_update_line(uart);
}

void uart_reset(struct uart *uart)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);

	uart_reset_locked(uart);
}

void uart_save(struct uart *uart, struct state_writer *writer)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);

	state_begin(writer, "uart", 1);
	state_put_u8(writer, uart->ier);
	state_put_u8(writer, uart->lcr);
	state_put_u8(writer, uart->mcr);
	state_put_u8(writer, uart->msr);
	state_put_u8(writer, uart->scr);
	state_put_u16(writer, uart->divisor);
	state_put_bool(writer, uart->overrun);
	state_put_bool(writer, uart->thre_pending);
	state_put_bool(writer, uart->fifos);
	state_put_u8(writer, uart->trigger);
	state_put_bool(writer, uart->rx_timeout);
	state_put_u32(writer, uart->rx_count);
	for (unsigned int i = 0; i < uart->rx_count; i++)
		state_put_u8(writer, uart->rx[(uart->rx_first + i) % UART_FIFO_SIZE]);
	state_end(writer);
}

/* Whether a guest could have brought it there. */
static bool uart_possible(const struct uart *uart)
{
	bool waits = uart->fifos && uart->rx_count > 0 && uart->rx_count < uart->trigger;

	return !(uart->ier & ~IER_MASK) && !(uart->mcr & ~MCR_MASK) &&
	       (uart->msr & 0xf0) == uart_modem_inputs(uart) &&
	       memchr(uart_triggers, uart->trigger, sizeof(uart_triggers)) &&
	       uart->rx_count <= uart_rx_capacity(uart) && (waits || !uart->rx_timeout);
}

static void uart_read_state(struct uart *uart, struct state_reader *reader)
{
	uart->ier = state_get_u8(reader);
	uart->lcr = state_get_u8(reader);
	uart->mcr = state_get_u8(reader);
	uart->msr = state_get_u8(reader);
	uart->scr = state_get_u8(reader);
	uart->divisor = state_get_u16(reader);
	uart->overrun = state_get_bool(reader);
	uart->thre_pending = state_get_bool(reader);
	uart->fifos = state_get_bool(reader);
	uart->trigger = state_get_u8(reader);
	uart->rx_timeout = state_get_bool(reader);
	uart->rx_count = state_get_count(reader, UART_FIFO_SIZE);
	uart->rx_first = 0;
	state_get_bytes(reader, uart->rx, uart->rx_count);
	if (!uart_possible(uart))
		state_fail(reader, "registers as no port has them");
	state_leave(reader);
}

bool uart_restore(struct uart *uart, struct state_reader *reader)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&uart->lock);

	if (!state_enter(reader, "uart", 1))
		return false;
	uart_read_state(uart, reader);
	if (!state_ok(reader))
		return false;
	uart->line = uart_level(uart);
	if (!uart->rx_timeout)
		uart_restart_timeout(uart); /* it may take as long once more */
	return true;
}

struct uart *uart_new(const struct uart_config *config)
{
	struct uart *uart = g_new0(struct uart, 1);
	const struct device_clock *clock = &config->clock;

	uart->config = *config;
	g_mutex_init(&uart->lock);
	uart->timeout_timer = clock->timer_new(clock->context, uart_timeout_expired, uart);
	uart_reset_locked(uart);
	return uart;
}

void uart_free(struct uart *uart)
{
	if (!uart)
		return;
	uart->config.clock.timer_free(uart->timeout_timer);
	g_mutex_clear(&uart->lock);
	g_free(uart);
}
