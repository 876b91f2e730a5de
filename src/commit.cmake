# Writes HEADER with the commit of the checkout in SOURCE, only where it has changed.
set(commit unknown)
find_program(git git)
if(git AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${git} describe --always --abbrev=40 --exclude=* --dirty
                  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define ADVGRID_GIT_COMMIT \"${commit}\"\n" @ONLY)
