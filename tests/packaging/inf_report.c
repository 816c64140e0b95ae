/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads an installation file by Windows' setup functions and prints what they make of it.
 *
 *   inf_report.exe sections FILE          every section, line by line, as the parser splits and fills it
 *   inf_report.exe oem FILE               the same for a file in the old style (txtsetup.oem)
 *   inf_report.exe install FILE SECTION   installs a section and prints what that has written: files,
 *                                         the device's hardware key, the service, the event source
 *   inf_report.exe hold                   prints a line and waits for the end of its input
 *
 * A Windows program of the tests, run by Wine, whose setupapi nobody here wrote. "install" writes into
 * the system that it runs in: use it in a prefix made for it.
 */
#include <windows.h>

#include <setupapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT 4096
/* Where the relative keys of the report are made, and what Windows calls them. */
#define SCRATCH_KEY "Software\\viostor-test"
#define SERVICE_KEY "System\\CurrentControlSet\\Services\\viostor"
#define EVENT_KEY   "System\\CurrentControlSet\\Services\\EventLog\\System\\viostor"

static void fail(const char *what)
{
    fprintf(stderr, "inf_report: %s: error 0x%lx\n", what, GetLastError());
    exit(1);
}

static HINF open_inf(const char *path, DWORD style)
{
    UINT line = 0;
    HINF inf = SetupOpenInfFileA(path, NULL, style, &line);

    if (inf == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "line %u: ", line);
        fail(path);
    }
    return inf;
}

/* ---- Sections and lines -------------------------------------------------------------------- */

static void print_line(INFCONTEXT *line)
{
    DWORD count = SetupGetFieldCount(line);
    char text[MAX_TEXT];

    printf(" ");
    for (DWORD field = 0; field <= count; field++) {
        if (!SetupGetStringFieldA(line, field, text, sizeof(text), NULL)) {
            text[0] = '\0';
        }
        /* Field 0 is the key; a line without one has its only value there. */
        printf(field == 0 ? " %s" : field == 1 ? " = <%s>" : " <%s>", text);
    }
    printf("\n");
}

static void print_sections(HINF inf)
{
    char name[MAX_TEXT];

    for (UINT index = 0; SetupEnumInfSectionsA(inf, index, name, sizeof(name), NULL); index++) {
        INFCONTEXT line;

        printf("[%s]\n", name);
        if (SetupFindFirstLineA(inf, name, NULL, &line)) {
            do {
                print_line(&line);
            } while (SetupFindNextLine(&line, &line));
        }
    }
}

/* ---- Registry ------------------------------------------------------------------------------ */

static void print_value(const char *name, DWORD type, const BYTE *data, DWORD length)
{
    printf("  %s: ", name[0] == '\0' ? "(default)" : name);
    if (type == REG_DWORD && length == sizeof(DWORD)) {
        printf("REG_DWORD %lu\n", *(const DWORD *)data);
    } else if (type == REG_SZ || type == REG_EXPAND_SZ) {
        printf("%s \"%s\"\n", type == REG_SZ ? "REG_SZ" : "REG_EXPAND_SZ", (const char *)data);
    } else {
        printf("type %lu, %lu bytes\n", type, length);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

/* The key and those below it, each by its name as Windows shows it, sorted. */
static void print_key(HKEY root, const char *path, const char *shown)
{
    static char names[64][256];
    char child[64][256];
    DWORD count;
    HKEY key;

    if (RegOpenKeyExA(root, path, 0, KEY_READ, &key) != ERROR_SUCCESS) {
        printf("%s: not there\n", shown);
        return;
    }
    printf("%s\n", shown);
    for (count = 0; count < ARRAYSIZE(names); count++) {
        DWORD length = sizeof(names[0]);

        if (RegEnumValueA(key, count, names[count], &length, NULL, NULL, NULL, NULL) !=
            ERROR_SUCCESS) {
            break;
        }
    }
    qsort(names, count, sizeof(names[0]), compare_names);
    for (DWORD index = 0; index < count; index++) {
        BYTE data[MAX_TEXT];
        DWORD type, length = sizeof(data);

        if (RegQueryValueExA(key, names[index], NULL, &type, data, &length) == ERROR_SUCCESS) {
            print_value(names[index], type, data, length);
        }
    }
    for (count = 0; count < ARRAYSIZE(child); count++) {
        DWORD length = sizeof(child[0]);

        if (RegEnumKeyExA(key, count, child[count], &length, NULL, NULL, NULL, NULL) !=
            ERROR_SUCCESS) {
            break;
        }
    }
    RegCloseKey(key);
    qsort(child, count, sizeof(child[0]), compare_names);
    for (DWORD index = 0; index < count; index++) {
        char below[MAX_TEXT], below_shown[MAX_TEXT];

        snprintf(below, sizeof(below), "%s\\%s", path, child[index]);
        snprintf(below_shown, sizeof(below_shown), "%s\\%s", shown, child[index]);
        print_key(root, below, below_shown);
    }
}

/* Installs the registry part of a section below a key made for it, and prints the key. */
static void install_registry(HINF inf, const char *section, const char *shown)
{
    HKEY key;

    RegDeleteTreeA(HKEY_CURRENT_USER, SCRATCH_KEY);
    if (RegCreateKeyA(HKEY_CURRENT_USER, SCRATCH_KEY, &key) != ERROR_SUCCESS) {
        fail("RegCreateKey");
    }
    if (!SetupInstallFromInfSectionA(NULL, inf, section, SPINST_REGISTRY, key, NULL, 0, NULL, NULL,
                                     NULL, NULL)) {
        fail(section);
    }
    RegCloseKey(key);
    print_key(HKEY_CURRENT_USER, SCRATCH_KEY, shown);
    RegDeleteTreeA(HKEY_CURRENT_USER, SCRATCH_KEY);
}

/* ---- Files --------------------------------------------------------------------------------- */

/* Called for each file of the queue: prints source and target, copies nothing. */
static UINT CALLBACK print_file(PVOID context, UINT notification, UINT_PTR first, UINT_PTR second)
{
    const FILEPATHS_A *paths = (const FILEPATHS_A *)first;

    (void)context;
    (void)second;
    if (notification == SPFILENOTIFY_STARTCOPY) {
        const char *name = strrchr(paths->Source, '\\');

        printf("  %s -> %s\n", name == NULL ? paths->Source : name + 1, paths->Target);
        return FILEOP_SKIP;
    }
    return notification == SPFILENOTIFY_COPYERROR ? FILEOP_SKIP : TRUE;
}

static void install_files(HINF inf, const char *path, const char *section)
{
    char folder[MAX_PATH];
    HSPFILEQ queue = SetupOpenFileQueue();

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '\\') = '\0';
    printf("Files\n");
    if (!SetupInstallFilesFromInfSectionA(inf, NULL, queue, section, folder, 0) ||
        !SetupCommitFileQueueA(NULL, queue, print_file, NULL)) {
        fail(section);
    }
    SetupCloseFileQueue(queue);
}

/* ---- Service ------------------------------------------------------------------------------- */

/* The service as another program sees it: by the service manager. */
static void print_service(void)
{
    static BYTE buffer[8192];
    QUERY_SERVICE_CONFIGA *config = (QUERY_SERVICE_CONFIGA *)buffer;
    DWORD needed;
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = OpenServiceA(manager, "viostor", SERVICE_ALL_ACCESS);

    if (service == NULL || !QueryServiceConfigA(service, config, sizeof(buffer), &needed)) {
        fail("the service viostor");
    }
    printf("Service viostor\n  type %lu, start %lu, error control %lu\n  binary %s\n  group %s\n"
           "  display name %s\n",
           config->dwServiceType, config->dwStartType, config->dwErrorControl,
           config->lpBinaryPathName, config->lpLoadOrderGroup, config->lpDisplayName);
    print_key(HKEY_LOCAL_MACHINE, SERVICE_KEY "\\Parameters", "HKLM\\" SERVICE_KEY "\\Parameters");
    DeleteService(service);
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
    RegDeleteTreeA(HKEY_LOCAL_MACHINE, SERVICE_KEY);
}

/* The section for the event log that AddService names, if it does. */
static BOOL event_section(HINF inf, const char *services, char *name, DWORD size)
{
    INFCONTEXT line;

    return SetupFindFirstLineA(inf, services, "AddService", &line) &&
           SetupGetStringFieldA(&line, 4, name, size, NULL) && name[0] != '\0';
}

static void install(HINF inf, const char *path, const char *section)
{
    char name[MAX_TEXT], event[MAX_TEXT];

    install_files(inf, path, section);
    snprintf(name, sizeof(name), "%s.HW", section);
    if (SetupGetLineCountA(inf, name) >= 0) {
        install_registry(inf, name, "(device's hardware key)");
    } else {
        printf("(no section %s)\n", name);
    }
    snprintf(name, sizeof(name), "%s.Services", section);
    if (!SetupInstallServicesFromInfSectionA(inf, name, 0)) {
        fail(name);
    }
    print_service();
    /* Wine does not follow AddService to the event log: that section is installed by itself. */
    if (event_section(inf, name, event, sizeof(event))) {
        install_registry(inf, event, "HKLM\\" EVENT_KEY);
    } else {
        printf("(no event source)\n");
    }
}

/* Keeps Wine's services running: they end with the last program, and a service that one run of them
 * has made may be unknown to the next. */
static void hold(void)
{
    printf("holding\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "hold") == 0) {
        hold();
    } else if (count == 3 && strcmp(arguments[1], "sections") == 0) {
        print_sections(open_inf(arguments[2], INF_STYLE_WIN4));
    } else if (count == 3 && strcmp(arguments[1], "oem") == 0) {
        print_sections(open_inf(arguments[2], INF_STYLE_OLDNT));
    } else if (count == 4 && strcmp(arguments[1], "install") == 0) {
        install(open_inf(arguments[2], INF_STYLE_WIN4), arguments[2], arguments[3]);
    } else {
        fprintf(stderr, "usage: inf_report sections|oem FILE | install FILE SECTION | hold\n");
        return 2;
    }
    return 0;
}
