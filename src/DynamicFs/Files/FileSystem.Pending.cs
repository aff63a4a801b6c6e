namespace DynamicFs.Files;

/// <summary>Placeholders of the namespace layer until it lands.</summary>
public sealed partial class FileSystem
{
    /// <summary>Clears setuid and setgid bits and security.capability. Inside the gate, inode lock held.</summary>
    private static void KillPrivileges(Inode inode) => _ = inode;

    /// <summary>Frees every inode of the orphan list.</summary>
    private static void FreeOrphans()
    {
    }
}
