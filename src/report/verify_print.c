/* Values and types of HDF5 as a person reads them. */
#include "report/verify.h"

#include <string.h>

static ag_status append_number(ag_text *text, hid_t type, const void *value)
{
  union {
    unsigned char bytes[64];
    float single;
    double number;
    long long whole;
    unsigned long long count;
  } buffer = {{0}};
  const size_t size = H5Tget_size(type);
  const bool is_float = H5Tget_class(type) == H5T_FLOAT;
  const bool is_single = is_float && size <= sizeof(float);
  const bool is_signed = !is_float && H5Tget_sign(type) == H5T_SGN_2;
  if (size > sizeof buffer) return ag_text_append(text, "a number of %zu bytes", size);
  hid_t native = is_single ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
  if (!is_float) native = is_signed ? H5T_NATIVE_LLONG : H5T_NATIVE_ULLONG;
  memcpy(buffer.bytes, value, size);
  if (H5Tconvert(type, native, 1, buffer.bytes, NULL, H5P_DEFAULT) < 0) {
    return ag_hdf5_fail(AG_HDF5_FAILED, "a number cannot be converted");
  }
  if (is_single) return ag_text_append(text, "%.9g", (double)buffer.single);
  if (is_float) return ag_text_append(text, "%.17g", buffer.number);
  if (is_signed) return ag_text_append(text, "%lld", buffer.whole);
  return ag_text_append(text, "%llu", buffer.count);
}

/* In hexadecimal, a number's highest byte first. */
static ag_status append_bits(ag_text *text, hid_t type, const void *value)
{
  enum { MOST = 32 };
  const unsigned char *bytes = value;
  const size_t size = H5Tget_size(type);
  const size_t shown = ag_minimum(size, MOST);
  const H5T_class_t class = H5Tget_class(type);
  const bool backwards = (class == H5T_FLOAT || class == H5T_INTEGER) &&
                         H5Tget_order(type) == H5T_ORDER_LE;
  ag_status status = ag_text_append(text, "0x");
  for (size_t i = 0; i < shown && status == AG_OK; ++i)
    status = ag_text_append(text, "%02x", bytes[backwards ? size - 1 - i : i]);
  return status == AG_OK && shown < size ? ag_text_append(text, "...") : status;
}

/* ---- texts ---------------------------------------------------------------------------- */

typedef struct slice {
  const char *bytes;
  size_t length;
} slice;

static slice slice_of(hid_t type, const void *value)
{
  const char *bytes = value;
  if (H5Tis_variable_str(type) <= 0) return (slice){bytes, strnlen(bytes, H5Tget_size(type))};
  memcpy(&bytes, value, sizeof bytes);
  return bytes == NULL ? (slice){"", 0} : (slice){bytes, strlen(bytes)};
}

/* Cuts the first line off what is left. */
static slice next_line(slice *rest)
{
  const char *end = rest->length == 0 ? NULL : memchr(rest->bytes, '\n', rest->length);
  const size_t length = end == NULL ? rest->length : (size_t)(end - rest->bytes);
  const slice line = {rest->bytes, length};
  const size_t used = length + (end != NULL);
  *rest = (slice){rest->bytes + used, rest->length - used};
  return line;
}

static bool is_same(slice a, slice b)
{
  return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* ": 'x' in A, 'y' in B", of long texts ", line 3: ..."; false in *told where only bytes behind
 * the texts differ. */
static ag_status append_lines(ag_text *text, slice first, slice second,
                              const char *const folders[2], bool *told)
{
  ag_status status = AG_OK;
  slice lines[2];
  size_t number = 0;
  *told = !is_same(first, second);
  if (!*told) return AG_OK;
  const bool many = memchr(first.bytes, '\n', first.length) != NULL ||
                    memchr(second.bytes, '\n', second.length) != NULL;
  do {
    lines[0] = next_line(&first);
    lines[1] = next_line(&second);
    ++number;
  } while (is_same(lines[0], lines[1]) && first.length + second.length > 0);
  if (many) AG_TRY(ag_text_append(text, ", line %zu", number));
  if (is_same(lines[0], lines[1])) {
    status = ag_text_append(text, ": the end of the last line");
    goto cleanup;
  }
  AG_TRY(ag_text_append(text, ": '%.*s' in %s, '%.*s' in %s", (int)lines[0].length, lines[0].bytes,
                        folders[0], (int)lines[1].length, lines[1].bytes, folders[1]));
cleanup:
  return status;
}

/* ---- values ------------------------------------------------------------------------------ */

ag_status ag_value_append(ag_text *text, hid_t type, const void *value)
{
  char name[AG_NAME_SIZE];
  slice string;
  switch (H5Tget_class(type)) {
  case H5T_INTEGER:
  case H5T_FLOAT: return append_number(text, type, value);
  case H5T_STRING:
    string = slice_of(type, value);
    return ag_text_append(text, "%.*s", (int)string.length, string.bytes);
  case H5T_ENUM:
    if (H5Tenum_nameof(type, value, name, sizeof name) < 0) break;
    return ag_text_append(text, "%s", name);
  default: break;
  }
  return append_bits(text, type, value);
}

ag_status ag_value_append_both(ag_text *text, hid_t type, const char *const values[2],
                               const char *const folders[2])
{
  ag_status status = AG_OK;
  bool told = false;
  ag_text both[2] = {{0}, {0}};
  if (H5Tget_class(type) == H5T_STRING) {
    AG_TRY(
        append_lines(text, slice_of(type, values[0]), slice_of(type, values[1]), folders, &told));
    if (told) goto cleanup;
  }
  for (size_t i = 0; i < 2; ++i)
    AG_TRY(ag_value_append(&both[i], type, values[i]));
  const slice read[2] = {{both[0].bytes, both[0].length}, {both[1].bytes, both[1].length}};
  if (is_same(read[0], read[1])) { /* two NaNs: only their bits tell them apart */
    for (size_t i = 0; i < 2; ++i) {
      AG_TRY(ag_text_append(&both[i], " "));
      AG_TRY(append_bits(&both[i], type, values[i]));
    }
  }
  AG_TRY(ag_text_append(text, ": %s in %s, %s in %s", both[0].bytes, folders[0], both[1].bytes,
                        folders[1]));
cleanup:
  ag_text_clear(&both[1]);
  ag_text_clear(&both[0]);
  return status;
}

ag_status ag_type_append(ag_text *text, hid_t type)
{
  const size_t bits = 8 * H5Tget_size(type);
  switch (H5Tget_class(type)) {
  case H5T_INTEGER:
    return ag_text_append(text, "%zu-bit %s", bits,
                          H5Tget_sign(type) == H5T_SGN_NONE ? "count" : "integer");
  case H5T_FLOAT: return ag_text_append(text, "%zu-bit float", bits);
  case H5T_STRING:
    if (H5Tis_variable_str(type) > 0) return ag_text_append(text, "text");
    return ag_text_append(text, "text of %zu bytes", bits / 8);
  case H5T_COMPOUND: return ag_text_append(text, "table");
  case H5T_ENUM: return ag_text_append(text, "enumeration");
  default: return ag_text_append(text, "other type of %zu bytes", bits / 8);
  }
}
