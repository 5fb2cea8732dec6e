/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "fake_device_env.h"
#include "uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

struct fixture {
	struct fake_env env;
	struct uart *uart;
	GString *output;
	unsigned int outputs, ready;
};

static void fixture_output(void *context, const uint8_t *data, size_t n)
{
	struct fixture *f = context;

	g_string_append_len(f->output, (const char *)data, (gssize)n);
	f->outputs++;
}

static void fixture_ready(void *context)
{
	((struct fixture *)context)->ready++;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	fake_env_init(&f->env, 0);
	f->output = g_string_new(NULL);
	f->uart = uart_new(&(struct uart_config){
		.irq = fake_env_irq(&f->env),
		.clock = fake_env_clock(&f->env),
		.output = fixture_output,
		.can_receive = fixture_ready,
		.context = f,
	});
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uart_free(f->uart);
	g_string_free(f->output, TRUE);
}

static uint8_t in(struct fixture *f, unsigned int offset)
{
	return (uint8_t)uart_ops.read(f->uart, offset, 1);
}

static void out(struct fixture *f, unsigned int offset, uint8_t value)
{
	uart_ops.write(f->uart, offset, 1, value);
}

static size_t receive(struct fixture *f, const char *text)
{
	return uart_receive(f->uart, (const uint8_t *)text, strlen(text));
}

/* What Linux's 8250 driver does to tell a 16550A from its relatives. */
static void test_linux_autoconfig(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	/* the interrupt enable register holds four bits */
	out(f, IER, 0);
	g_assert_cmphex(in(f, IER) & 0x0f, ==, 0);
	out(f, IER, 0x0f);
	g_assert_cmphex(in(f, IER) & 0x0f, ==, 0x0f);
	out(f, IER, 0);
	/* loop-back shows OUT2 and RTS as DCD and CTS */
	out(f, MCR, 0x1a);
	g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0x90);
	out(f, MCR, 0);
	/* FIFOs show in IIR, */
	out(f, LCR, 0xbf);
	out(f, LCR, 0);
	out(f, FCR, 0x01);
	g_assert_cmphex(in(f, IIR) >> 6, ==, 3);
	/* and nothing of a newer chip does: no EFR, */
	out(f, LCR, 0x80);
	g_assert_cmphex(in(f, IIR), !=, 0);
	out(f, LCR, 0xbf);
	g_assert_cmphex(in(f, IIR), !=, 0);
	/* no banks behind LCR 0xe0, */
	out(f, LCR, 0);
	out(f, LCR, 0xe0);
	g_assert_cmphex(in(f, 2) & 0x10, ==, 0);
	out(f, LCR, 0);
	out(f, MCR, 0x10);
	out(f, LCR, 0xe0);
	g_assert_cmphex(in(f, 2) & 0x10, ==, 0);
	out(f, LCR, 0);
	out(f, MCR, 0);
	/* no 64-byte FIFO, */
	out(f, FCR, 0x01);
	g_assert_cmphex(in(f, IIR) >> 5, ==, 6);
	out(f, FCR, 0x21);
	g_assert_cmphex(in(f, IIR) >> 5, ==, 6);
	out(f, LCR, 0x80);
	out(f, FCR, 0x21);
	g_assert_cmphex(in(f, IIR) >> 5, ==, 6);
	out(f, LCR, 0);
	/* no UART unit enable */
	out(f, IER, 0x40);
	g_assert_cmphex(in(f, IER) & 0x40, ==, 0);
	g_assert_false(f->env.level);
}

/* What its start-up does to find chips that lose the transmitter's interrupt. */
static void test_linux_thre_checks(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmphex(in(f, LSR) & 0x60, ==, 0x60);
	g_assert_cmphex(in(f, IIR), ==, 0x01);
	out(f, IER, 0x02);
	g_assert_cmphex(in(f, IIR), ==, 0x02);
	out(f, IER, 0);
	out(f, IER, 0x02);
	g_assert_cmphex(in(f, IIR), ==, 0x02);
	/* told once, it is silent until something is sent */
	g_assert_cmphex(in(f, IIR), ==, 0x01);
	out(f, DATA, 'x');
	g_assert_cmphex(in(f, IIR), ==, 0x02);
	out(f, IER, 0x02); /* no edge */
	g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static void test_registers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (unsigned int v = 0; v < 256; v++) {
		out(f, SCR, (uint8_t)v);
		g_assert_cmphex(in(f, SCR), ==, v);
		out(f, LCR, (uint8_t)v);
		g_assert_cmphex(in(f, LCR), ==, v);
	}
	out(f, LCR, 0x83);
	out(f, 0, 0x0c);
	out(f, 1, 0x34);
	g_assert_cmphex(in(f, 0), ==, 0x0c);
	g_assert_cmphex(in(f, 1), ==, 0x34);
	out(f, LCR, 0x03);
	g_assert_cmphex(in(f, 1), ==, 0);
	g_assert_cmpuint(f->output->len, ==, 0);
	out(f, MCR, 0xef);
	g_assert_cmphex(in(f, MCR), ==, 0x0f);
	out(f, LSR, 0x00);
	out(f, MSR, 0x00);
	g_assert_cmphex(in(f, LSR), ==, 0x60);
	g_assert_cmphex(in(f, MSR), ==, 0xb0);
}

static void test_output(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, DATA, 'a');
	uart_ops.write_string(f->uart, DATA, (const uint8_t *)"bcd", 3);
	g_assert_cmpstr(f->output->str, ==, "abcd");
	g_assert_cmpuint(f->outputs, ==, 2);
	g_assert_cmpuint(f->env.raised, ==, 0);
}

/* OUT2 is what connects the interrupt on a PC. */
static void test_out2(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, IER, 0x02);
	g_assert_false(f->env.level);
	out(f, MCR, 0x08);
	g_assert_true(f->env.level);
	out(f, MCR, 0x18);
	g_assert_false(f->env.level);
	out(f, MCR, 0x08);
	in(f, IIR);
	g_assert_false(f->env.level);
}

static void test_receive_without_fifos(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, MCR, 0x0b);
	out(f, IER, 0x05);
	g_assert_cmpuint(receive(f, "ab"), ==, 1);
	g_assert_true(f->env.level);
	g_assert_cmphex(in(f, IIR), ==, 0x04);
	g_assert_cmphex(in(f, LSR), ==, 0x61);
	g_assert_cmpuint(f->ready, ==, 0);
	g_assert_cmphex(in(f, DATA), ==, 'a');
	g_assert_cmpuint(f->ready, ==, 1);
	g_assert_false(f->env.level);
	g_assert_cmphex(in(f, LSR), ==, 0x60);
	g_assert_cmpuint(receive(f, "b"), ==, 1);
	g_assert_cmphex(in(f, DATA), ==, 'b');
	g_assert_cmpuint(f->ready, ==, 1); /* nothing was refused since */
}

static void test_trigger_and_timeout(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, MCR, 0x0b);
	out(f, LCR, 0x03);
	out(f, FCR, 0x81); /* 8 bytes */
	out(f, IER, 0x01);
	receive(f, "1234567");
	g_assert_false(f->env.level);
	/* four characters of ten bits at 115200 baud */
	fake_env_advance(&f->env, 340000);
	g_assert_false(f->env.level);
	fake_env_advance(&f->env, 10000);
	g_assert_true(f->env.level);
	g_assert_cmphex(in(f, IIR), ==, 0xcc);
	g_assert_cmphex(in(f, DATA), ==, '1'); /* reading ends the time-out and starts the next */
	g_assert_false(f->env.level);
	g_assert_cmphex(in(f, IIR), ==, 0xc1);
	receive(f, "89");
	g_assert_true(f->env.level);
	g_assert_cmphex(in(f, IIR), ==, 0xc4);
	in(f, DATA);
	g_assert_false(f->env.level); /* below the trigger */
	for (int i = 0; i < 7; i++)
		in(f, DATA);
	g_assert_cmphex(in(f, LSR), ==, 0x60);
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
	fake_env_advance(&f->env, 1000000000);
	g_assert_cmphex(in(f, IIR), ==, 0xc1);
}

static void test_fifo_limits(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, FCR, 0xc1);
	g_assert_cmpuint(receive(f, "0123456789abcdefXYZ"), ==, 16);
	g_assert_cmpuint(receive(f, "X"), ==, 0);
	g_assert_cmphex(in(f, LSR), ==, 0x61); /* no overrun: it was not sent */
	for (int i = 0; i < 7; i++)
		g_assert_cmphex(in(f, DATA), ==, (uint8_t) "0123456"[i]);
	g_assert_cmpuint(f->ready, ==, 0);
	in(f, DATA);
	g_assert_cmpuint(f->ready, ==, 1);
	g_assert_cmpuint(receive(f, "XYZ"), ==, 3);
	out(f, FCR, 0xc3); /* clears the receiver */
	g_assert_cmphex(in(f, LSR), ==, 0x60);
	g_assert_cmpuint(receive(f, "q"), ==, 1);
	out(f, FCR, 0); /* so does switching */
	g_assert_cmphex(in(f, LSR), ==, 0x60);
	g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static void test_clear_offers_room(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, FCR, 0x01);
	receive(f, "0123456789abcdefX");
	out(f, FCR, 0x03);
	g_assert_cmpuint(f->ready, ==, 1);
}

static void test_loopback(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, FCR, 0x01);
	out(f, MCR, 0x10);
	g_assert_cmphex(in(f, MSR), ==, 0x0b); /* CTS, DSR, DCD fell */
	g_assert_cmphex(in(f, MSR), ==, 0x00);
	out(f, MCR, 0x14);
	g_assert_cmphex(in(f, MSR), ==, 0x40); /* the leading edge of RI is no event */
	out(f, MCR, 0x10);
	g_assert_cmphex(in(f, MSR), ==, 0x04);
	g_assert_cmpuint(receive(f, "x"), ==, 0); /* the line is cut */
	uart_ops.write_string(f->uart, DATA, (const uint8_t *)"0123456789abcdefgh", 18);
	g_assert_cmpuint(f->output->len, ==, 0);
	g_assert_cmphex(in(f, LSR), ==, 0x63);
	g_assert_cmphex(in(f, LSR), ==, 0x61); /* reading takes the overrun back */
	for (int i = 0; i < 16; i++)
		g_assert_cmphex(in(f, DATA), ==, (uint8_t) "0123456789abcdef"[i]);
	g_assert_cmpuint(f->ready, ==, 0);
	out(f, MCR, 0x0b);
	g_assert_cmpuint(f->ready, ==, 1);
	/* without FIFOs the newer byte stays */
	out(f, FCR, 0);
	out(f, MCR, 0x10);
	out(f, DATA, 'a');
	out(f, DATA, 'b');
	g_assert_cmphex(in(f, LSR), ==, 0x63);
	g_assert_cmphex(in(f, DATA), ==, 'b');
}

static void test_priorities(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, IER, 0x0f);
	out(f, MCR, 0x10); /* modem status changes */
	out(f, DATA, 'a');
	out(f, DATA, 'b'); /* overrun */
	g_assert_cmphex(in(f, IIR), ==, 0x06);
	in(f, LSR);
	g_assert_cmphex(in(f, IIR), ==, 0x04);
	in(f, DATA);
	g_assert_cmphex(in(f, IIR), ==, 0x02);
	g_assert_cmphex(in(f, IIR), ==, 0x00);
	in(f, MSR);
	g_assert_cmphex(in(f, IIR), ==, 0x01);
}

static void test_reset(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	out(f, FCR, 0x01);
	out(f, MCR, 0x0b);
	out(f, IER, 0x03);
	receive(f, "abc");
	g_assert_true(f->env.level);
	uart_reset(f->uart);
	g_assert_false(f->env.level);
	g_assert_cmphex(in(f, IER), ==, 0);
	g_assert_cmphex(in(f, IIR), ==, 1);
	g_assert_cmphex(in(f, LCR), ==, 0);
	g_assert_cmphex(in(f, MCR), ==, 0);
	g_assert_cmphex(in(f, LSR), ==, 0x60);
}

/* A driver that follows the interrupt gets every byte in order, whatever the schedule. */
static void test_receive_property(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t sent = 0, expected = 0;

	out(f, FCR, 0x01);
	out(f, MCR, 0x0b);
	out(f, IER, 0x01);
	for (int i = 0; i < 20000; i++) {
		switch (g_test_rand_int_range(0, 4)) {
		case 0: { /* the host sends what fits */
			uint8_t burst[20];
			int n = g_test_rand_int_range(1, 20);

			for (int k = 0; k < n; k++)
				burst[k] = (uint8_t)(sent + k);
			sent = (uint8_t)(sent + uart_receive(f->uart, burst, (size_t)n));
			break;
		}
		case 1: /* the driver serves the interrupt, all or a part */
			while (f->env.level && g_test_rand_int_range(0, 8)) {
				g_assert_cmphex(in(f, IIR) & 0x07, ==, 0x04);
				g_assert_cmphex(in(f, LSR) & 0x03, ==, 0x01);
				g_assert_cmphex(in(f, DATA), ==, expected++);
			}
			break;
		case 2:
			fake_env_advance(&f->env, (uint64_t)g_test_rand_int_range(0, 1000000));
			break;
		default: /* another trigger */
			out(f, FCR, (uint8_t)(0x01 | g_test_rand_int_range(0, 4) << 6));
			break;
		}
	}
	/* and nothing waits for ever without an interrupt */
	while (expected != sent) {
		fake_env_advance(&f->env, 5000000);
		g_assert_true(f->env.level);
		g_assert_cmphex(in(f, DATA), ==, expected++);
	}
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)
	TEST("/uart/linux-autoconfig", test_linux_autoconfig);
	TEST("/uart/linux-thre-checks", test_linux_thre_checks);
	TEST("/uart/registers", test_registers);
	TEST("/uart/output", test_output);
	TEST("/uart/out2", test_out2);
	TEST("/uart/receive-without-fifos", test_receive_without_fifos);
	TEST("/uart/trigger-and-timeout", test_trigger_and_timeout);
	TEST("/uart/fifo-limits", test_fifo_limits);
	TEST("/uart/clear-offers-room", test_clear_offers_room);
	TEST("/uart/loopback", test_loopback);
	TEST("/uart/priorities", test_priorities);
	TEST("/uart/reset", test_reset);
	TEST("/uart/receive-property", test_receive_property);
	return g_test_run();
}
