/* pace RATE BYTES - a hook that writes lines: RATE bytes a second, 0 for as fast as
 * it can, until it has written BYTES or a little more. It sleeps until the time at
 * which what it has written was due: whoever holds it up is told from one that does
 * not by when it ends. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 32 << 10, LINE = 80 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: pace RATE BYTES\n");
		return 2;
	}
	double rate = atof(argv[1]), bytes = atof(argv[2]), begin = now();
	static char text[AT_ONCE + 1];
	size_t n = 0;
	for (int i = 0; n + LINE <= AT_ONCE; i++)
		n += sprintf(text + n, "%08d: a line of the sort that a package manager prints while it unpacks\n", i);
	for (double written = 0; written < bytes;) {
		ssize_t k = write(1, text, n);
		if (k < 0) {
			perror("write");
			return 1;
		}
		written += k;
		if (rate > 0) {
			double due = begin + written / rate;
			struct timespec t = {(time_t)due, (long)((due - (time_t)due) * 1e9)};
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		}
	}
	return 0;
}
