// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: runs a fuzz target over files, so that corpora are replayed by `make check` with any
 * compiler.
 *
 * Usage: fuzz_X FILE... With a fuzzing engine (clang -fsanitize=fuzzer) this file is left out.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const char *name)
{
	FILE *f = fopen(name, "rb");
	uint8_t *data;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
		perror(name);
		if (f)
			fclose(f);
		return 1;
	}
	data = malloc((size_t)size + 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
		abort();
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed += run(argv[i]);
	return failed != 0;
}
