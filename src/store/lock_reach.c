/* How far the kernel's locks on a file reach: all hosts that see it, or this one alone. */
#include "store/lock.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems that one kernel alone has, and those whose locks all hosts share (nfs(5); Lustre's
 * mount option flock, where localflock is per host). BeeGFS, CIFS and FUSE promise nothing. */
static const struct {
  const char *type, *option; /* which it must be mounted with; NULL: none */
} reaching[] = {{"ext2", NULL},
                {"ext3", NULL},
                {"ext4", NULL},
                {"xfs", NULL},
                {"btrfs", NULL},
                {"f2fs", NULL},
                {"zfs", NULL},
                {"tmpfs", NULL},
                {"ramfs", NULL},
                {"overlay", NULL},
                {"ceph", NULL},
                {"gpfs", NULL},
                {"lustre", "flock"},
                {"nfs", "local_lock=none"},
                {"nfs4", "local_lock=none"}};

static bool has_option(const char *options, const char *wanted)
{
  const size_t length = strlen(wanted);
  for (const char *at = options; at != NULL; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, wanted, length) == 0 && strchr(",\n", at[length]) != NULL) return true;
  }
  return false;
}

/* "36 35 98:0 / /mnt rw,noatime shared:1 - nfs4 server:/home rw,local_lock=none" */
static bool reaches(const char *line)
{
  char type[64];
  int options = 0;
  const char *last = strstr(line, " - ");
  if (last == NULL || sscanf(last, " - %63s %*s %n", type, &options) != 1 || options == 0) {
    return false;
  }
  for (size_t i = 0; i < sizeof reaching / sizeof *reaching; ++i) {
    if (strcmp(type, reaching[i].type) != 0) continue;
    return reaching[i].option == NULL || has_option(last + options, reaching[i].option);
  }
  return false;
}

bool ag_lock_reach(FILE *mounts, dev_t device)
{
  char *line = NULL;
  size_t capacity = 0;
  bool found = false;
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%u:%u", major(device), minor(device));
  while (getline(&line, &capacity, mounts) > 0) {
    char numbers[32];
    if (sscanf(line, "%*s %*s %31s", numbers) != 1 || strcmp(numbers, wanted) != 0) continue;
    found = reaches(line);
    break;
  }
  free(line);
  return found;
}

/* A file system that this kernel alone has, by its own word: in a changed root or a container the
 * mounts that can be seen may not name it. */
static bool is_local(const char *folder)
{
  static const unsigned long kinds[] = {EXT4_SUPER_MAGIC,     XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                        F2FS_SUPER_MAGIC,     TMPFS_MAGIC,     RAMFS_MAGIC,
                                        OVERLAYFS_SUPER_MAGIC};
  struct statfs information;
  if (statfs(folder, &information) != 0) return false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    if ((unsigned long)information.f_type == kinds[i]) return true;
  }
  return false;
}

void ag_lock_rules_of(const char *folder, ag_lock_rules *rules)
{
  struct stat information;
  *rules = (ag_lock_rules){
      .kernel = true, .stale_seconds = 300, .touch_seconds = 20, .settle_seconds = 1};
  if (gethostname(rules->host, sizeof rules->host) != 0 || rules->host[0] == '\0') {
    snprintf(rules->host, sizeof rules->host, "unknown");
  }
  rules->host[sizeof rules->host - 1] = '\0';
  rules->shared = is_local(folder);
  FILE *mounts = rules->shared ? NULL : fopen("/proc/self/mountinfo", "re");
  if (mounts == NULL) return;
  rules->shared = stat(folder, &information) == 0 && ag_lock_reach(mounts, information.st_dev);
  fclose(mounts);
}
