/* The hook that tells when it was reached: it writes the monotonic clock, in
 * nanoseconds, to OUT, which is fixed when it is compiled, as a hook gets
 * neither arguments nor the caller's environment. */
#include <stdio.h>
#include <time.h>

int main(void) {
	struct timespec now;
	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 1;
	FILE *f = fopen(OUT, "w");
	if (f == NULL)
		return 1;
	fprintf(f, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
	return fclose(f) != 0;
}
