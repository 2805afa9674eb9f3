/* spawn DIR - the least that running the hooks of a directory can cost: list it,
 * sort it by bytes, and for each entry posix_spawn and wait. What the other
 * tools take is compared with this. Ends with 1 at the first hook that fails. */
#define _GNU_SOURCE
#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static int bytewise(const struct dirent **a, const struct dirent **b) {
	return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv) {
	struct dirent **entries;
	if (argc != 2) {
		fprintf(stderr, "usage: spawn DIR\n");
		return 2;
	}
	int n = scandir(argv[1], &entries, visible, bytewise);
	if (n < 0) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		int len = snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
		if (len < 0 || (size_t)len >= sizeof path) {
			fprintf(stderr, "%s: name too long\n", entries[i]->d_name);
			return 2;
		}
		char *args[] = {path, NULL};
		pid_t pid;
		int err = posix_spawn(&pid, path, NULL, NULL, args, environ);
		if (err != 0) {
			fprintf(stderr, "%s: %s\n", path, strerror(err));
			return 1;
		}
		int status;
		if (waitpid(pid, &status, 0) != pid || status != 0) {
			fprintf(stderr, "%s: status %d\n", path, status);
			return 1;
		}
	}
	return 0;
}
