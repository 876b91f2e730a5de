/* Which file systems' locks are seen from every host, by the lines of /proc/self/mountinfo. */
#include "support/folder.h"

#include "store/lock.h"

#include <sys/sysmacros.h>

enum { TEXT_SIZE = 1024 };

/* Lines as Linux writes them. */
static void reach_of_file_systems(void **state)
{
  (void)state;
  static const struct {
    const char *rest;
    bool reaches;
  } cases[] = {
      {"/ / rw - ext4 /dev/vda rw,discard", true},
      {"/ / rw,relatime shared:1 - xfs /dev/sda1 rw", true},
      {"/ /h rw - nfs4 server:/h rw,vers=4.2,local_lock=none,addr=10.0.0.1", true},
      {"/ /h rw - nfs server:/h rw,vers=3,nolock,local_lock=all,addr=10.0.0.1", false},
      {"/ /h rw - nfs server:/h rw,local_lock=flock", false},
      {"/ /l rw - lustre 10.0.0.1@tcp:/l rw,flock,lazystatfs", true},
      {"/ /l rw - lustre 10.0.0.1@tcp:/l rw,localflock", false},
      {"/ /l rw - lustre 10.0.0.1@tcp:/l rw,noflock", false},
      {"/ /b rw - beegfs beegfs_nodev rw", false},
      {"/ /f rw - fuse.sshfs host: rw", false},
      {"/ /h rw", false},
      {"/ /h rw - nfs4", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "30 1 0:9 / /x rw - ext4 a rw\n36 35 8:17 %s\n40 1 0:8 / /y rw\n",
             cases[i].rest);
    FILE *mounts = fmemopen(text, strlen(text), "r");
    assert_non_null(mounts);
    if (ag_lock_reach(mounts, makedev(8, 17)) != cases[i].reaches) fail_msg("%s", cases[i].rest);
    rewind(mounts);
    assert_false(ag_lock_reach(mounts, makedev(8, 18)));
    fclose(mounts);
  }
}

static void rules_of_a_folder(void **state)
{
  (void)state;
  ag_lock_rules rules;
  ag_lock *lock = NULL;
  char host[AG_LOCK_HOST_SIZE] = "";
  char *folder = folder_create();
  assert_int_equal(gethostname(host, sizeof host), 0);
  ag_lock_rules_of(folder, &rules);
  assert_string_equal(rules.host, host);
  assert_true(rules.kernel && rules.touch_seconds * 3 < rules.stale_seconds);
  assert_int_equal(ag_lock_take(folder, &rules, &lock), AG_OK);
  ag_lock_release(&lock);
  folder_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(reach_of_file_systems),
                                     cmocka_unit_test(rules_of_a_folder)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
